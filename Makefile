# The same commands for everybody: people, and the checks that guard the main branch.

.POSIX:
.PHONY: help setup run test lint audit bench ci fmt

CARGO = cargo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing for building, testing, measuring and linting
	@scripts/setup build test bench lint

run: ## build Weir and serve it at http://127.0.0.1:8080, with the examples loaded
	@scripts/setup build
	@$(CARGO) run --locked --bin weir -- serve --load-examples examples

test: ## run all tests; their servers are real, see CONTRIBUTING.md
	@scripts/setup build test
	@$(CARGO) test --workspace --locked

lint: ## check format, lints, dependencies and the house rules
	@scripts/setup build lint
	@$(CARGO) fmt --all --check
	@$(CARGO) deny --locked check licenses bans sources
	@$(CARGO) run --quiet --locked --bin xtask -- tidy
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

audit: ## check the dependencies for known vulnerabilities; fetches the advisory database, so it is not part of `ci`
	@scripts/setup build lint
	@$(CARGO) deny --locked check advisories

bench: ## measure an optimised Weir
	@scripts/setup build bench
	@$(CARGO) build --release --locked --bin weir --bin weir-bench
	@$(CARGO) run --quiet --release --locked --bin weir-bench

ci: lint test ## everything a change has to pass

fmt: ## format the code
	@$(CARGO) fmt --all
