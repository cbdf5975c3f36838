# `make demo` and `make test` do all the set-up they need.

# How many whole-system tests run side by side; they mostly wait.
PYTEST_WORKERS ?= 5
# The commit whose recorder this one is measured beside.
AGAINST ?= 8da07d1

.PHONY: demo test build lint fuzz bench soak clean

demo:
	scripts/setup build
	scripts/build-console
	cargo run --locked -p vigie -- demo

test:
	scripts/setup test
	scripts/build-console
	npm --prefix console run --silent check
	npm --prefix console test
	cargo fmt --all --check
	cargo build --locked --workspace --all-targets
	scripts/test-side-by-side $(PYTEST_WORKERS)

build:
	scripts/setup build
	scripts/build-console
	cargo build --locked --release -p vigie

lint:
	scripts/setup test
	scripts/build-console
	npm --prefix console run --silent check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

# Every fuzz target for a minute; needs a nightly compiler.
fuzz:
	scripts/fuzz 60

# Measures a release build and writes docs/benchmarks.md and its pages. Wants an idle machine with two cores or more.
bench:
	scripts/setup test
	scripts/build-console
	cargo build --locked --release -p vigie -p vigie-bench
	scripts/build-at $(AGAINST)
	target/release/vigie-bench control-plane --vigie target/release/vigie --page docs/benchmarks.md
	target/release/vigie-bench ingest --vigie target/release/vigie --page docs/benchmarks/ingest.md
	target/release/vigie-bench read --vigie target/release/vigie --page docs/benchmarks/read.md
	target/release/vigie-bench clip --vigie target/release/vigie --page docs/benchmarks/clip.md
	target/release/vigie-bench images --vigie target/release/vigie --page docs/benchmarks/images.md
	target/release/vigie-bench playback --vigie target/release/vigie --page docs/benchmarks/playback.md
	target/release/vigie-bench agent --vigie target/release/vigie --page docs/benchmarks/agent.md
	target/release/vigie-bench store --folder target/bench --page docs/benchmarks/store.md
	target/release/vigie-bench side-by-side --vigie target/release/vigie --folder target/bench \
		--against target/at/$(AGAINST)/target/release/vigie --against-name $(AGAINST) --page docs/benchmarks/recorder.md
	target/release/vigie-bench live --vigie target/release/vigie --folder target/bench --page docs/benchmarks/live.md
	target/release/vigie-bench filled --vigie target/release/vigie --folder target/bench --page docs/benchmarks/filled.md
	VIGIE_BIN=$(CURDIR)/target/release/vigie .venv/bin/python tests/bench_console.py --page docs/benchmarks/console.md
	VIGIE_BIN=$(CURDIR)/target/release/vigie .venv/bin/python tests/bench_watching.py --page docs/benchmarks/watching.md

# Measures for hours what `make bench` measures for minutes, and writes docs/soak. Goes on where it was broken off.
soak:
	scripts/setup test
	scripts/soak

clean:
	cargo clean
	rm -rf .venv tests/media console/node_modules console/out/dist
