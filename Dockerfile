# bifseg with the exact versions of constraints.txt, from the checkout's folder:
#   docker build -t bifseg .    (or podman build)
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" -w /data bifseg demo
ARG BASE=python:3.11-slim
FROM ${BASE}
COPY . /tmp/bifseg
RUN pip install --no-cache-dir --constraint /tmp/bifseg/constraints.txt /tmp/bifseg && rm -rf /tmp/bifseg
ENV OMP_NUM_THREADS=1 HOME=/tmp
ENTRYPOINT ["bifseg"]
CMD ["--help"]
