// Format numbers as the whole page does, whatever the visitor's locale: its text is English.

const format = (options) => new Intl.NumberFormat("en", options);

export const number = format();
export const whole = format({ maximumFractionDigits: 0 });
export const fine = format({ maximumFractionDigits: 1 });
export const compact = format({ notation: "compact", maximumFractionDigits: 1 });
