# Everything a newcomer types. On a fresh Debian, Ubuntu or macOS machine start with `make up` or `make test`:
# both install what is missing (macOS: `brew install python@3.12 openjdk@17 maven postgresql@16 go kcat libomp prometheus alertmanager node_exporter` first).
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where it is set, every process would compile every import of its own again and again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
LONGEST_MODULE := 400
AIRFLOW_BIN := .local/airflow/bin
# make ... AIRFLOW=no goes without Airflow.
NO_AIRFLOW := $(if $(filter no,$(AIRFLOW)),--no-airflow)
NO_PEERS := $(if $(filter no,$(PEERS)),--no-peers)
TESTED = $(shell find $(1) -name 'test_*.py' 2>/dev/null | head -n 1)

.PHONY: help install lock lint unit integration e2e test airflow-test images images-test compose-secrets asyncapi-check observe-check prometheus-pictures k8s-check k8s-picture test-slow nightly log-kill-test bad-bundle-test fuzz-test swap-test loadtest loadtest-check loadtest-compare capacity up demo down clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install what is missing for the local stack and the tests; READMIT_S3=versity chooses that S3 server, AIRFLOW=no leaves Airflow out.
	@local/install/all.sh

lock: ## Resolve all locks anew: names, versions and hashes.
	@local/install/all.sh uv
	@local/lock.sh

up: install ## Start the local stack: Kafka, Postgres, S3, MLflow, the services, Airflow; AIRFLOW=no leaves that out.
	@$(BIN)/readmit up $(NO_AIRFLOW)

demo: up ## Start the stack and do the main job on the real dataset, through Airflow; AIRFLOW=no: by the shell.
	@$(BIN)/readmit demo $(NO_AIRFLOW)

down: ## Stop the local stack; its data stays.
	@if [ -x $(BIN)/readmit ]; then $(BIN)/readmit down; fi

clean: ## Stop the local stack and forget everything that was installed or stored.
	@if [ -x $(BIN)/readmit ]; then $(BIN)/readmit down --forget; fi
	rm -rf .local .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

lint: ## Static checks: style, format, types, borders between the packages, sizes of modules.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@find packages services migrations tests airflow observability loadtests -name '*.py' -not -path '*/.*' 2>/dev/null | xargs wc -l \
		| awk '$$2 != "total" && $$1 > $(LONGEST_MODULE) { print $$2 ": " $$1 " lines, over $(LONGEST_MODULE)"; bad = 1 } END { exit bad }'

unit: ## Unit tests: no sockets, seconds.
	$(if $(call TESTED,tests/unit),$(BIN)/pytest tests/unit,@echo "no unit tests yet")

integration: ## Contract and integration tests against real Kafka, Postgres, S3 and MLflow on free ports.
	$(if $(call TESTED,tests/contract tests/integration),$(BIN)/pytest $(wildcard tests/contract tests/integration),@echo "no integration tests yet")

e2e: ## End-to-end tests: a file in, a prediction out.
	$(if $(call TESTED,tests/e2e),$(BIN)/pytest tests/e2e,@echo "no end-to-end tests yet")

test: ## Install, then static checks and all of the tests above.
	@$(MAKE) install
	@$(MAKE) lint
	@$(MAKE) unit
	@$(MAKE) integration
	@$(MAKE) e2e

airflow-test: ## Tests of Airflow: its place in the stack, its DAGs.
	$(AIRFLOW_BIN)/python -m pytest airflow/tests/unit
	$(BIN)/pytest tests/airflow airflow/tests/stack/test_dags.py airflow/tests/stack/test_metrics.py
	$(BIN)/pytest airflow/tests/stack/test_faults.py

asyncapi-check: ## The AsyncAPI document, read by AsyncAPI's own parser; installs that, and Node where it is missing.
	@local/install/asyncapi.sh
	$(BIN)/pytest tests/asyncapi

observe-check: install ## A stack under traffic: every panel's query answered, every alert tried, every rule and configuration accepted; ends with the counts.
	@local/install/loadtests.sh
	@$(BIN)/pytest tests/observe

prometheus-pictures: install ## Prometheus' graphs of the main panels, of a stack at work, into docs/images; needs Chromium; six minutes.
	@local/install/packages.sh chromium
	@PYTHONPATH=tests:observability $(BIN)/python docs/images/prometheus_graphs.py

k8s-check: ## Kubernetes, images, compose, shell: every overlay rendered and held against schemas, policies, linters; ends with the counts.
	@local/install/all.sh python
	@local/install/k8s.sh
	@$(BIN)/pytest tests/k8s

k8s-picture: ## Draw docs/images/deployment-*.svg anew from what the overlays render to; needs Graphviz' dot.
	@local/install/k8s.sh
	@$(BIN)/pytest --quiet tests/k8s/test_picture.py --update
	@for picture in docs/images/deployment-*.dot; do dot -Tsvg $$picture -o $${picture%.dot}.svg; done

test-slow: ## Tests that take their time: AsyncAPI's own parser, Kubernetes' files, dashboards and alerts, 100,000 fuzzed requests, those of Airflow, 50 promotions and rollbacks under load, and a load test.
	@$(MAKE) asyncapi-check
	@$(MAKE) k8s-check
	@$(MAKE) observe-check
	@$(MAKE) fuzz-test REQUESTS=100000
	@$(MAKE) airflow-test
	@$(MAKE) swap-test PROMOTIONS=50 KILLS=5
	@$(MAKE) loadtest-check
	@$(MAKE) loadtest

nightly: ## Tests of the object store with the other S3 server, Versity S3 Gateway, and the images.
	@READMIT_S3=versity $(MAKE) install
	$(BIN)/pytest tests/integration/runtime/test_s3_object_store.py tests/integration/stack/test_s3_rights.py -k versity
	@$(MAKE) images-test

images: ## Build every image into the Docker engine that runs; BASE=another base image, BUILD_OPTIONS=more for docker build.
	@local/images/build-all.sh

compose-secrets: ## Make the secrets of compose.yaml that are not there yet, in .local/compose/secrets.
	@local/compose/make-secrets.sh

images-test: install ## The images, built and measured, and the accounted run with the four services in containers; ends with the verdict.
	@local/images/test.sh

log-kill-test: install ## Predictors killed under load, KILLS=50 of them, and every answer accounted for.
	READMIT_KILLS=$(or $(KILLS),50) $(BIN)/pytest -s tests/integration/predictor/test_prediction_log_kills.py

bad-bundle-test: install ## BUNDLES=1000 bad model bundles against one predictor that answers all the while.
	READMIT_BAD_BUNDLES=$(or $(BUNDLES),1000) $(BIN)/pytest tests/integration/predictor/test_bad_bundles.py

fuzz-test: install ## REQUESTS=1000000 fuzzed requests against one predictor; SEED=1 and FIRST=0 say which.
	READMIT_FUZZ_REQUESTS=$(or $(REQUESTS),1000000) READMIT_FUZZ_SEED=$(or $(SEED),1) READMIT_FUZZ_FIRST=$(or $(FIRST),0) \
		$(BIN)/pytest tests/integration/predictor/test_fuzz.py

swap-test: install ## PROMOTIONS=200 and rollbacks under load on 3 predictors, KILLS=20 of them, each dependency down once; ends with the verdict. SEED=1.
	@READMIT_PROMOTIONS=$(or $(PROMOTIONS),200) READMIT_KILLS=$(or $(KILLS),20) READMIT_SEED=$(or $(SEED),1) $(BIN)/pytest -s tests/swap

loadtest-check: ## Load tests end as they must: green, red by endpoint and percentile, or before any load.
	@local/install/loadtests.sh
	$(BIN)/pytest tests/loadtests

LOAD = PYTHONPATH=tests:loadtests $(BIN)/python loadtests
LOAD_OPTIONS = $(if $(SHAPE),--shape $(SHAPE)) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(URL),--url $(URL)) \
	$(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SLO),--slo $(SLO)) \
	$(if $(REPLICAS),--replicas $(REPLICAS)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(KEEP),--keep)

loadtest: install ## A load test of a stack of its own, with a verdict; SHAPE=smoke, SCENARIO=promotion..., USERS=, SECONDS=, URL=, KEEP=yes (loadtests/README.md).
	@local/install/loadtests.sh
	@$(LOAD)/run.py $(LOAD_OPTIONS)

capacity: install ## The most users that hold the limits, 3 searches; writes loadtests/results/capacity.json, .png and the figure in the README.
	@local/install/loadtests.sh
	@$(LOAD)/run.py --shape capacity --keep $(LOAD_OPTIONS)

loadtest-compare: install ## The same users against the predictor and against mlflow models serve, in turn; writes loadtests/results/compare.json. ROUNDS=3, URL= for another address.
	@local/install/loadtests.sh
	@local/install/peers.sh
	@PYTHONPATH=tests:loadtests:benchmarks $(BIN)/python loadtests/compare.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(URL),--url $(URL)) \
		$(if $(API),--api $(API)) $(if $(SLO),--slo $(SLO)) $(if $(PROCESSES),--processes $(PROCESSES))

bench-ingest: install ## Ingestion against raw COPY, 5 interleaved rounds; writes benchmarks/results/ingest.json.
	@PYTHONPATH=tests $(BIN)/python benchmarks/ingest.py

bench-predict: install ## Serving against a bare uvicorn and its peers, 5 interleaved rounds; writes benchmarks/results/predict.json and .png. PEERS=no leaves the peers out.
	@local/install/packages.sh wrk
	@$(if $(NO_PEERS),,local/install/peers.sh)
	@PYTHONPATH=tests $(BIN)/python benchmarks/predict.py $(NO_PEERS)

bench-airflow: install ## What Airflow adds to the same commands from the shell, 5 rounds; writes benchmarks/results/airflow-overhead.json.
	@PYTHONPATH=tests $(BIN)/python benchmarks/airflow_overhead.py

bench-prediction-log: ## What recording a prediction costs, against a bare write(); writes benchmarks/results/prediction_log.json.
	@$(BIN)/python benchmarks/prediction_log.py

bench-metrics: install ## What the metrics cost, 15 interleaved rounds with and without, and the time of a scrape; writes benchmarks/results/metrics.json.
	@local/install/packages.sh wrk
	@PYTHONPATH=tests $(BIN)/python benchmarks/metrics.py
