// Decode server-sent events (HTML standard, 9.2). An EventSource cannot send an API key.

// Yield the blocks of each piece that arrives, perhaps none: {id, name, data, retryMs}, null for what a
// block does not have. A node ends its lines with "\n".
export async function* blocksOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let block = empty();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    const blocks = [];
    for (const line of lines) {
      const [, field, text] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (line === "") {
        blocks.push(block);
        block = empty();
      } else if (field === "id") block.id = text;
      else if (field === "event") block.name = text;
      else if (field === "data") block.data = block.data === null ? text : `${block.data}\n${text}`;
      else if (field === "retry" && /^\d+$/.test(text)) block.retryMs = Number(text);
    }
    yield blocks;
  }
}

const empty = () => ({ id: null, name: "message", data: null, retryMs: null });
