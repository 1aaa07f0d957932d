// Format times: of day from 00:00:00 to 23:59:59, in the visitor's locale and time zone.

// Not `hour12: false`: in some locales that turns midnight into 24:00:00.
export const clock = (date) => date.toLocaleTimeString([], { hourCycle: "h23" });

// The time of day, or the day if it was another one.
export function moment(date) {
  if (date.toDateString() === new Date().toDateString()) return clock(date);
  return date.toLocaleDateString([], { day: "numeric", month: "short" });
}
