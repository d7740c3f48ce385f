#!/usr/bin/env bash
# Lints and tests what is in this folder with the tools that are on the path; what is missing is said, and fails with
# --all. deploy/README.md says where the tools come from.
set -uo pipefail
cd "$(dirname "$0")"
failed=0 missing=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check TOOL WHAT COMMAND…
check() {
    local tool=$1 what=$2 said
    shift 2
    if ! command -v "$tool" >/dev/null; then
        echo "not run   $what: there is no $tool"
        missing=1
    elif said=$("$@" 2>&1); then
        echo "ok        $what"
    else
        printf 'FAILED    %s\n%s\n' "$what" "$said"
        failed=1
    fi
}

render() { helm template amend helm/amend "$@" >"$work/rendered.yaml"; }
all=(--set "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true,podDisruptionBudget.enabled=true"
    --set "grpc.enabled=true,gateJob.enabled=true,gateJob.candidate=live" --set "gateJob.args={--against,previous}")
# The binary need not be installed for the unit to be read.
unit() {
    mkdir -p "$work/unit/amend.service.d"
    sed "s#^ExecStart=/usr/local/bin/amend#ExecStart=/bin/true#" systemd/amend.service >"$work/unit/amend.service"
    cp systemd/cuda.conf "$work/unit/amend.service.d/"
    systemd-analyze verify "$work/unit/amend.service"
}
exposure() { systemd-analyze security --offline=true --threshold=20 systemd/amend.service; }
every_alert_is_tested() {
    local alert
    for alert in $(sed -n 's/.*- alert: //p' prometheus/amend.rules.yml); do
        for end in fires "is quiet"; do
            grep -q "name: '\?$alert $end" prometheus/amend.rules.test.yml || { echo "$alert: no test that it $end"; return 1; }
        done
    done
}

check promtool "rules" promtool check rules prometheus/amend.rules.yml
check promtool "rules, their tests" promtool test rules prometheus/amend.rules.test.yml
check grep "rules, a test of each alert both ways" every_alert_is_tested
check promtool "Prometheus's configuration" promtool check config prometheus/prometheus.yml
check promtool "dashboard" python3 check_metrics.py
check yamllint "YAML" yamllint -s -c .yamllint.yml .
check hadolint "Dockerfile" hadolint Dockerfile
check docker-compose "compose.yml" env GRAFANA_PASSWORD=x docker-compose -f compose.yml config -q
check docker-compose "compose.cuda.yml" env GRAFANA_PASSWORD=x docker-compose -f compose.yml -f compose.cuda.yml config -q
check systemd-analyze "systemd unit" unit
check systemd-analyze "systemd unit, exposure at most 2.0" exposure
check helm "chart" helm lint --strict helm/amend
check helm "chart, rendered" render
check kubernetes-validate "chart, against Kubernetes's schemas" kubernetes-validate --strict --no-warn "$work/rendered.yaml"
check helm "chart with every option, rendered" render "${all[@]}"
check kubernetes-validate "chart with every option, against Kubernetes's schemas" kubernetes-validate --strict --no-warn "$work/rendered.yaml"

[ "${1:-}" != --all ] || [ "$missing" = 0 ] || failed=1
exit "$failed"
