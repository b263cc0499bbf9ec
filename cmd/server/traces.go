package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/tlsfile"
	"github.com/spikeray/spikeray/internal/trace"
)

// traceFlags say where the spans of answered requests go.
type traceFlags struct {
	OTLPEndpoint string  `name:"otlp-endpoint" placeholder:"URL" help:"OpenTelemetry collector that gets the spans of answered requests by OTLP over HTTP, such as http://collector:4318. A URL without a path gets /v1/traces. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES describe the service there. The default is none."`
	OTLPHeaders  string  `name:"otlp-headers" placeholder:"FILE" help:"File with headers for the collector, such as its credentials, in lines like Authorization: Bearer TOKEN."`
	OTLPCA       string  `name:"otlp-ca" placeholder:"FILE" help:"Certificates in PEM of authorities that the collector's may be from, beside the authorities that this machine trusts."`
	OTLPSample   float64 `name:"otlp-sample" default:"1" placeholder:"SHARE" help:"Share, 0 to 1, of the requests without traceparent that are recorded. A request with one is recorded as its caller says. The default is ${default}."`
}

// validate refuses what does not go together. given are the flags that are, each by what sets it.
func (f *traceFlags) validate(given map[string]string) error {
	for _, name := range []string{"otlp-headers", "otlp-ca", "otlp-sample"} {
		if given[name] != "" && f.OTLPEndpoint == "" {
			return fmt.Errorf("%s needs --otlp-endpoint", given[name])
		}
	}
	if !(f.OTLPSample >= 0 && f.OTLPSample <= 1) {
		return fmt.Errorf("--otlp-sample must be 0 to 1, not %v", f.OTLPSample)
	}
	if f.OTLPEndpoint == "" {
		return nil
	}
	if _, err := trace.Endpoint(f.OTLPEndpoint); err != nil {
		return fmt.Errorf("--otlp-endpoint: %w", err)
	}
	if _, err := resource("", os.Getenv); err != nil {
		return err
	}
	return nil
}

// exporter is what the flags ask for, nil for nothing.
func (f *traceFlags) exporter(metrics *telemetry.Metrics, log *slog.Logger, version string) (*trace.Exporter, error) {
	if f.OTLPEndpoint == "" {
		return nil, nil
	}
	endpoint, err := trace.Endpoint(f.OTLPEndpoint)
	if err != nil {
		return nil, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	header, err := readHeaders(f.OTLPHeaders)
	if err != nil {
		return nil, fmt.Errorf("--otlp-headers: %w", err)
	}
	secure, err := tlsfile.Client(f.OTLPCA, "", "")
	if err != nil {
		return nil, fmt.Errorf("--otlp-ca: %w", err)
	}
	about, err := resource(version, os.Getenv)
	if err != nil {
		return nil, err
	}
	var outcomes []string
	for _, o := range trace.Outcomes {
		outcomes = append(outcomes, string(o))
	}
	count := metrics.Spans(outcomes...)
	return trace.New(trace.Config{
		Endpoint: endpoint, Client: target.HTTPClient(secure), Header: header, Sample: f.OTLPSample,
		Resource: about, Scope: "github.com/spikeray/spikeray", Version: version,
		Count:   func(o trace.Outcome, n int) { count(string(o), n) },
		Problem: func(err error) { log.Warn("spans cannot be sent", "error", err) },
	}), nil
}

// resource describes the service by OpenTelemetry's environment variables (OpenTelemetry specification, SDK environment
// variables).
func resource(version string, getenv func(string) string) ([]trace.Attribute, error) {
	attributes := []trace.Attribute{{Key: "service.version", Value: version}}
	name := getenv("OTEL_SERVICE_NAME")
	for pair := range strings.SplitSeq(getenv("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		key = strings.TrimSpace(key)
		if !ok || key == "" || err != nil {
			return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %q is not KEY=VALUE", pair)
		}
		switch key {
		case "service.name":
			if name == "" {
				name = value
			}
		case "service.version": // the program knows its own
		default:
			attributes = append(attributes, trace.Attribute{Key: key, Value: value})
		}
	}
	if name == "" {
		name = "spikeray"
	}
	return append(attributes, trace.Attribute{Key: "service.name", Value: name}), nil
}

// maxHeaders bounds a file of headers.
const maxHeaders = 64 << 10

// readHeaders reads a file of headers, one a line; "" is none.
func readHeaders(path string) (http.Header, error) {
	header := http.Header{}
	if path == "" {
		return header, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > maxHeaders {
		return nil, errors.Join(err, fmt.Errorf("%s must have at most %d bytes", path, maxHeaders))
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxHeaders)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("line %d of %s is not a header such as Authorization: Bearer TOKEN", n, path) // not shown: it may be a secret
		}
		header.Add(name, value)
	}
	return header, lines.Err()
}

// closeTraces sends what still waits to be sent.
func closeTraces(e *trace.Exporter) {
	ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
	defer cancel()
	e.Close(ctx)
}

// tracesPatience is how long the end of the program waits for the collector.
const tracesPatience = 3 * time.Second
