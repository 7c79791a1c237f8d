# Few targets; each sets up what it needs.
.PHONY: demo test check fix bench clean

demo: ## fix a real bug in an example repository and show how the patch was chosen
	@scripts/setup
	@scripts/demo

test: ## the whole test suite; Docker tests run where there is a Docker daemon
	@scripts/setup dev
	.venv/bin/python -m pytest -q -rs -n auto --dist worksteal

check: ## formatting, lint, types and the import contract
	@scripts/setup dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

fix: ## let the tools mend what they can
	@scripts/setup dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: ## the measurements of docs/performance.md
	@scripts/setup dev
	PYTHONPATH=. .venv/bin/python bench/sandbox_cost.py
	.venv/bin/python bench/start.py

clean: ## what builds and killed runs left behind
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@if [ -x .venv/bin/winnow ]; then .venv/bin/winnow clean; fi
