// Find names in what people paste or drop: domains, e-mail addresses, the addresses of pages. No DOM.

const MAX_CHARACTERS = 300; // a longer name is not a domain, whatever follows

// The domain in an e-mail address or in the address of a page; else the text itself.
export function domainIn(text) {
  let name = text.trim();
  if (/^mailto:/i.test(name)) name = name.slice(7).split("?")[0];
  name = name.match(/<([^<>]+)>$/)?.[1] ?? name; // Name <user@example.com>
  const page = name.match(/^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i);
  if (page) name = page[1];
  name = name.slice(name.lastIndexOf("@") + 1);
  if (!page && !text.includes("@")) name = name.split("/")[0];
  return (name.replace(/:\d*$/, "") || text.trim()).slice(0, MAX_CHARACTERS);
}

// The names in a text, in order; white space, commas and semicolons separate them.
export function namesIn(text) {
  return text.split(/[\s,;]+/u).filter((name) => name !== "");
}

// The names in a file, one a line: of a table, the first column.
export function linesOf(text, fileName) {
  if (!/\.(csv|tsv)$/i.test(fileName)) return text;
  const cells = text.split(/\r?\n/).map((line) => /^"?([^",;\t]*)/.exec(line)[1]);
  // The files that this service writes begin with the names of the columns, and end with a comment.
  return cells.filter((cell) => cell && cell !== "domain" && !cell.startsWith("#")).join("\n");
}
