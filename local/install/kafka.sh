#!/usr/bin/env bash
# Kafka's broker and tools: about 90 jars, by Maven.
. "$(dirname "$0")/part.sh"
made_from=$(digest local/kafka/pom.xml)
if made kafka "$made_from" && compgen -G '.local/kafka/libs/kafka_2.13-*.jar' >/dev/null; then
    exit 0
fi
rm -rf .local/kafka/libs
mvn --quiet --batch-mode --file local/kafka/pom.xml dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$PWD/.local/kafka/libs" </dev/null ||
    stop "Maven could not fetch Kafka's jars" "read its messages above; when they name the network or a mirror, set it right in ~/.m2/settings.xml and run make install again."
keep kafka "$made_from"
