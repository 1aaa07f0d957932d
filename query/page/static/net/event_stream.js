// Read server-sent events and reconnect when the stream ends (HTML standard, 9.2). An EventSource
// cannot send an API key. A node ends its lines with "\n".

import { apiFetch } from "./api_fetch.js";

const REFUSED_MS = 3000;

// `on` has open(), message(name, data), refused(resumes) and lost(). A node that cannot serve the stream
// now answers with a stream that ends without an id.
export async function readEvents(address, on) {
  let lastId = "";
  let retryMs = 1000;
  for (;;) {
    let pauseMs = 0;
    let opened = false;
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : {};
      const response = await apiFetch(address, { headers, cache: "no-store" });
      if (response.ok) {
        await read(response.body, {
          id: (value) => {
            lastId = value;
            if (!opened) on.open();
            opened = true;
          },
          retry: (value) => (retryMs = value),
          event: on.message,
        });
        if (!opened) on.refused(lastId !== "");
      } else {
        if (response.status === 400) lastId = ""; // this node cannot resume from there
        pauseMs = REFUSED_MS;
        on.refused(lastId !== "");
      }
    } catch {
      // The stream broke, or never began.
    }
    on.lost();
    await new Promise((resume) => setTimeout(resume, pauseMs || retryMs));
  }
}

async function read(body, on) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let block = { id: null, name: "message", data: [] };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (line === "") {
        if (block.id !== null) on.id(block.id);
        if (block.data.length) on.event(block.name, block.data.join("\n"));
        block = { id: null, name: "message", data: [] };
      } else if (field === "id") block.id = text;
      else if (field === "event") block.name = text;
      else if (field === "data") block.data.push(text);
      else if (field === "retry" && /^\d+$/.test(text)) on.retry(Number(text));
    }
  }
}
