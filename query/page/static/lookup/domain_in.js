// Find the domain in what people paste: an e-mail address or the address of a page. No DOM.

export function domainIn(text) {
  let name = text.trim();
  if (/^mailto:/i.test(name)) name = name.slice(7).split("?")[0];
  name = name.match(/<([^<>]+)>$/)?.[1] ?? name; // Name <user@example.com>
  const page = name.match(/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i);
  if (page) name = page[1];
  name = name.slice(name.lastIndexOf("@") + 1);
  if (!page && !text.includes("@")) name = name.split("/")[0];
  return name.replace(/:\d*$/, "") || text.trim();
}
