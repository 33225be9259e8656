#!/bin/sh
# Inside the build stage of every image: fill /opt/venv. What does it stays in /opt/tools, and so out of the image.
set -eu

locked() { # a lock: install exactly that, from wheels alone, so that no compiler is needed
    python -m venv --without-pip /opt/venv
    install_into_venv --no-deps --require-hashes --only-binary=:all: --requirement "$1"
}

own() { # folders of this repository: install them
    /opt/tools/bin/pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --wheel-dir /opt/wheels "$@"
    install_into_venv --no-deps /opt/wheels/*.whl
}

listed() { # take out what only a developer uses, and write down what is left
    find /opt/venv/lib -depth -type d \( -name tests -o -name include \) -exec rm -r {} +
    find /opt/venv/lib -type f \( -name '*.[ach]' -o -name '*.cc' -o -name '*.cpp' -o -name '*.hpp' -o -name '*.pxd' -o -name '*.pxi' \
        -o -name '*.pyi' -o -name '*.pyx' -o -name '*.tp' \) -delete
    # Arrow's ways to other servers, each a library of its own; nothing here goes them.
    find /opt/venv/lib -path '*/pyarrow/*' -type f \( -name '*flight*' -o -name 'libarrow_s3*' -o -name '_s3fs*' \) -delete
    /opt/tools/bin/cyclonedx-py environment --output-reproducible --output-file /opt/venv/sbom.json /opt/venv/bin/python
}

install_into_venv() {
    /opt/tools/bin/pip --python /opt/venv/bin/python install --quiet --no-cache-dir "$@"
}

"$@"
