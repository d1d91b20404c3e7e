# `make demo` and `make test` install what they need the first time; `make docs` builds the site.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test docs fuzz clean

demo: .venv
	$(BIN)/dan demo --out demo --force

test: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2

docs: .venv
	$(BIN)/mkdocs build --strict
	if [ -d docs/examples/node_modules ]; then $(BIN)/python docs/make_browser.py site/browser; fi

.venv: .venv/installed

# torch is pinned in constraints.txt; everything else is as pyproject.toml says.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,biosignals,media,tensorboard,dev]'
	touch $@

fuzz: .venv
	$(BIN)/python -m benchmarks.fuzz --count 10000 --log fuzz.jsonl

clean:
	rm -rf .venv demo site
