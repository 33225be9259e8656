#!/usr/bin/env bash
# Kafka's broker and tools, about 90 jars, and the agent that tells Prometheus of the broker: by Maven.
. "$(dirname "$0")/part.sh"
made_from=$(digest local/kafka/pom.xml local/install/kafka.sh)
agent=.local/kafka/agent/jmx_prometheus_javaagent.jar
if made kafka "$made_from" && [[ -f $agent ]] && compgen -G '.local/kafka/libs/kafka_2.13-*.jar' >/dev/null; then
    exit 0
fi
fetch() { # scope, folder, further options
    mvn --quiet --batch-mode --file local/kafka/pom.xml dependency:copy-dependencies \
        -DincludeScope="$1" -DoutputDirectory="$PWD/.local/kafka/$2" "${@:3}" </dev/null ||
        stop "Maven could not fetch Kafka's jars" "read its messages above; when they name the network or a mirror, set it right in ~/.m2/settings.xml and run make install again."
}
rm -rf .local/kafka/libs .local/kafka/agent
fetch runtime libs
# Its version is the pom's alone: the stack asks for it by a name without one.
fetch provided agent -Dmdep.stripVersion=true
keep kafka "$made_from"
