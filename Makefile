# The commands of this repository. `make` alone lists them; each sets up what it needs.

PYTHON ?=
export PYTHON
# where it is set, each of the tests' many processes would compile again what it imports
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# this machine's own rather than a version manager's shim, which takes a tenth of a second to start
PYTHON3 := $(shell command -v /usr/bin/python3 || command -v python3)
CODE := src seizure tiny_cats deploy tests scripts examples benchmarks

.DEFAULT_GOAL := help
.PHONY: help run seizure cats test test-proot compat lint check fix bench docs lock verify-modal clean setup setup-dev setup-seizure setup-cats

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16
	@echo 'Another Python than the one found: make test PYTHON=python3.12'

run: setup  ## set up, start the engine, train the EEG pipeline's smoke run through the real modal command
	@$(BIN)/python scripts/first_run.py

seizure: setup-seizure  ## set up .venv with PyTorch, to train here without containers
	@echo 'Ready: $(BIN)/python -m seizure --help'

cats: setup-cats  ## the same for the cats pipelines
	@echo 'Ready: $(BIN)/python -m tiny_cats --help'

test: setup-dev  ## set up, run all tests
	@$(BIN)/python -m pytest -n 2 $(ARGS)

test-proot: setup-dev  ## the tour, and the containers' tests, where namespaces are closed: under proot
	@$(BIN)/python -m pytest -n 2 --closed tests/tour tests/unit/runtime $(ARGS)

compat: setup-dev  ## run the tour with older modal clients too: 1.5.5 and 1.4.3
	@$(BIN)/python scripts/compat.py --tour $(ARGS)

lint: setup-dev  ## format and lint, without changing anything
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)

check: lint  ## lint, types, layers, generated docs current, migrations numbered
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m homeport.api.coverage --check
	@$(BIN)/python -m homeport.check.rules_page --check
	@ls src/homeport/store/migrations | grep '[.]sql$$' | cut -c 1-4 | uniq -d | sed 's/$$/ is the number of two migrations/' | \
		{ ! grep .; }

fix: setup-dev  ## format, and mend what the linter can mend
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: setup-dev  ## measure: start, calls, maps, logs, volumes
	@$(BIN)/python -m benchmarks $(ARGS)

docs: setup-dev  ## write the generated docs
	@$(BIN)/python -m homeport.api.coverage
	@$(BIN)/python -m homeport.check.rules_page

lock: setup-dev  ## resolve the packages anew, with hashes and without addresses
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --group seizure \
		-o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links -c requirements.lock --no-annotate --group dev \
		-o requirements-dev.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links -c requirements-dev.lock --no-annotate --group cats \
		-o requirements-cats.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --python-platform linux --generate-hashes \
		--no-emit-index-url --no-emit-find-links -c requirements.lock --no-annotate \
		--group pyproject.toml:seizure -o deploy/modal/requirements.txt
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --python-platform linux --generate-hashes \
		--no-emit-index-url --no-emit-find-links -c requirements-dev.lock --no-annotate \
		--group pyproject.toml:cats -o deploy/cats/requirements.txt
	@for version in 1.5.5 1.4.3; do \
		echo "modal==$$version" | $(BIN)/uv pip compile --quiet --upgrade --universal \
			--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
			--no-header -o tests/clients/python/$$version.lock -; \
	done
	@cd tests/clients/js && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts \
		--no-audit --no-fund

verify-modal: setup  ## smoke runs of the pipelines on Modal's cloud; needs a token in the environment
	@$(BIN)/python scripts/verify_modal.py

clean:  ## remove the virtual environment and caches; the engine's state stays where `homeport status` says
	@if [ -x $(BIN)/homeport ]; then $(BIN)/homeport down; fi
	rm -rf .venv .venv-compat-* .venv.lock .uv-cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

setup setup-dev setup-seizure setup-cats: setup%:
	@[ -n "$(PYTHON3)" ] || { echo 'Homeport needs Python 3.11 to 3.13. Install it, such as: sudo apt-get install python3'; exit 1; }
	@$(PYTHON3) scripts/setup.py $(or $(patsubst -%,%,$*),run)
