[input.a[1].b, `${item}-${index}`, {...JSON.parse(steps.fetch.body), n: input.n * 2}].map((x) => x ?? null)
