// Built-in functions that loop in native code, where the time limit is not looked at, for as long as their arguments
// say. An array of more than two million elements does not fit into memory unless it is nothing but holes, so a longer
// one is refused; so is a search whose cost is the product of two long strings.
(() => {
  "use strict";
  const { apply } = Reflect;
  const { isArray } = Array;
  const { min } = Math;
  const text = String;
  const RangeFailure = RangeError;
  const TypeFailure = TypeError;
  const define = Object.defineProperty;
  const { Array: { prototype: array }, String: { prototype: string }, RegExp: { prototype: regexp } } = globalThis;
  const { some, map, sort, toSorted, push } = array;
  const source = Object.getOwnPropertyDescriptor(regexp, "source").get;

  const short = (value) => {
    if (!isArray(value)) throw new TypeFailure("array functions work on arrays only");
    if (value.length > 2000000) throw new RangeFailure("the array is too long");
    return value;
  };
  const bounded = (owner, name) => {
    const native = owner[name];
    return function (...given) {
      return apply(native, short(this), given);
    };
  };
  const isRegExp = (value) => {
    if (typeof value !== "object" || value === null || value === regexp) return false;
    try {
      apply(source, value, []);
      return true;
    } catch {
      return false;
    }
  };
  const search = (owner, name, symbol) => {
    const native = owner[name];
    const byRegExp = symbol && regexp[symbol];
    return function (...given) {
      if (this === undefined || this === null) return apply(native, this, given);
      const haystack = typeof this === "string" ? this : text(this);
      let needle = given[0];
      if (byRegExp && isRegExp(needle) && (name !== "replaceAll" || needle.global)) {
        return apply(byRegExp, needle, [haystack, given[1]]);
      }
      if (needle !== undefined) needle = given[0] = text(needle);
      if (needle !== undefined && (haystack.length - needle.length) * needle.length > 1e8) {
        throw new RangeFailure("the search is too costly");
      }
      return apply(native, haystack, given);
    };
  };
  const sorting = (native) => function (compare) {
    short(this);
    // Long strings are compared in a function of ours: between two calls of it the time limit is looked at.
    if (compare === undefined && apply(some, this, [(x) => typeof x === "object" || x?.length > 10000])) {
      compare = (x, y) => ((x = text(x)), (y = text(y)), x < y ? -1 : x > y ? 1 : 0);
    }
    return apply(native, this, [compare]);
  };
  const flatten = (from, depth, into) => {
    for (let i = 0; i < from.length; i++) {
      if (!(i in from)) continue;
      if (depth > 0 && isArray(from[i])) flatten(from[i], depth - 1, into);
      else apply(push, into, [from[i]]);
    }
    return into;
  };

  const make = {
    concat: (owner, name) => {
      if (owner === string) return owner[name];
      const native = owner[name];
      return function (...given) {
        return apply(native, short(this), apply(map, given, [(x) => (isArray(x) ? short(x) : [x])]));
      };
    },
    sort: () => sorting(sort),
    toSorted: () => sorting(toSorted),
    flat: () => function (depth) {
      return flatten(short(this), depth === undefined ? 1 : min(+depth || 0, 1000), []);
    },
    flatMap: () => function (each, self) {
      return flatten(apply(map, short(this), [each, self]), 1, []);
    },
    split: (owner, name) => search(owner, name, Symbol.split),
    replace: (owner, name) => search(owner, name, Symbol.replace),
    replaceAll: (owner, name) => search(owner, name, Symbol.replace),
  };
  const install = (owner, name, value) => define(owner, name, { value, writable: true, configurable: true });
  for (const name of ARRAY_NAMES) install(array, name, (make[name] ?? bounded)(array, name));
  for (const name of STRING_NAMES) install(string, name, (make[name] ?? search)(string, name));
  if (ITERATION) {
    const iterate = bounded(array, "values");
    install(array, "values", iterate);
    install(array, Symbol.iterator, iterate);
  }
})();
