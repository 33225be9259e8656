"""The Grafana dashboards, as code; `python -m readmit_dashboards` writes their JSON."""
