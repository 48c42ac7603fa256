// Dates without a clock, in UTC whatever the machine's zone is: what JavaScript does where the zone is UTC, except that
// the current time cannot be asked for and that a text must be ISO 8601 or name its zone.
(() => {
  "use strict";
  const Native = Date;
  const { apply, construct } = Reflect;
  const { prototype } = Native;
  const { parse, UTC } = Native;
  const text = String;
  const TypeFailure = TypeError;
  const { test } = RegExp.prototype;
  const matches = (pattern, value) => apply(test, pattern, [value]);

  const noClock = () => {
    throw new TypeFailure("an expression has no clock; use execution.started_at");
  };
  const read = (value) => {
    value = text(value);
    if (matches(/^\s*[+-]?\d{4,6}-\d\d-\d\dT[\d:.]+\s*$/, value)) return parse(`${value}Z`);
    if (matches(/^\s*[+-]?\d{4,6}(-\d\d(-\d\d)?)?\s*$/, value)) return parse(value);
    if (matches(/(Z|UTC|GMT|[+-]\d\d:?\d\d)(\s*\([^)]*\))?\s*$/, value)) return parse(value);
    return NaN;
  };
  const time = (given) => {
    if (given.length > 1) return apply(UTC, undefined, given);
    const [value] = given;
    if (typeof value === "string") return read(value);
    if (value instanceof Native) return apply(prototype.getTime, value, []);
    return typeof value === "object" ? read(value) : value;
  };
  function UtcDate(...given) {
    if (new.target === undefined || given.length === 0) noClock();
    return construct(Native, [time(given)], new.target);
  }
  const define = (owner, name, value) =>
    Object.defineProperty(owner, name, { value, writable: true, configurable: true });
  define(UtcDate, "name", "Date");
  define(UtcDate, "now", noClock);
  define(UtcDate, "UTC", UTC);
  define(UtcDate, "parse", read);
  Object.defineProperty(UtcDate, "prototype", { value: prototype, writable: false });
  define(prototype, "constructor", UtcDate);

  for (const part of ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"]) {
    define(prototype, `get${part}`, prototype[`getUTC${part}`]);
    if (part !== "Day") define(prototype, `set${part}`, prototype[`setUTC${part}`]);
  }
  const { toISOString, toUTCString, getTime } = prototype;
  define(prototype, "getTimezoneOffset", function () {
    return apply(getTime, this, []) * 0;
  });
  for (const name of ["toString", "toLocaleString"]) define(prototype, name, toUTCString);
  const part = (from, to) => function () {
    return text(apply(toISOString, this, [])).slice(from, to);
  };
  for (const name of ["toDateString", "toLocaleDateString"]) define(prototype, name, part(0, -14));
  for (const name of ["toTimeString", "toLocaleTimeString"]) define(prototype, name, part(-13, -5));
  for (const name of ["getYear", "setYear"]) delete prototype[name];
  define(globalThis, "Date", UtcDate);
})();
