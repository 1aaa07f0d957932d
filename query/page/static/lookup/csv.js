// Format a table as CSV or as tab-separated text for spreadsheets. No DOM.

// A spreadsheet would run a cell that begins like a formula: an apostrophe makes it text.
export function guarded(value) {
  const text = String(value);
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}

// RFC 4180: lines end with CRLF, quotes are doubled inside quotes.
export function csv(rows) {
  const cell = (value) => {
    const text = guarded(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

export function tsv(rows) {
  const cell = (value) => guarded(String(value).replace(/[\t\r\n]+/g, " "));
  return rows.map((row) => row.map(cell).join("\t")).join("\n");
}
