#!/usr/bin/env bash
# What hears Airflow's metrics and tells them to Prometheus; no release of the operating system has it.
. "$(dirname "$0")/part.sh"
built_by_go statsd statsd_exporter github.com/prometheus/statsd_exporter@v0.28.0
