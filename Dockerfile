# The image that holds the Go toolchain; deploy/test-image.sh puts a local one in its place.
ARG GO_IMAGE=golang:1.26
# The program's version, as internal/telemetry has it, and the commit: the label and what the program says are the same.
ARG VERSION=2.1.0
ARG REVISION=

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
ARG REVISION
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" \
      -o /out/spikeray ./cmd/server

FROM scratch
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="spikeray" \
      org.opencontainers.image.description="Reads chest X-rays and answers with a pneumonia probability from a spiking neural network. For research, not for diagnosis." \
      org.opencontainers.image.source="https://github.com/spikeray/spikeray" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE NOTICE /
COPY --from=build /out/spikeray /spikeray
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENV SPIKERAY_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/spikeray", "healthcheck"]
ENTRYPOINT ["/spikeray"]
