package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/spikeray/spikeray/internal/testcert"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// The collector has a certificate of its own authority, and wants a credential. What waits is sent when the server is stopped.
func TestSpansReachACollector(t *testing.T) {
	made := testcert.New(t)
	var got atomic.Pointer[v1.ExportTraceServiceRequest]
	collector := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := &v1.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(body, request); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Authorization") != "Bearer a:b" {
			t.Errorf("%v: %s with %v", err, r.URL, r.Header)
		}
		got.Store(request)
	}))
	collector.TLS = &tls.Config{Certificates: []tls.Certificate{made.TLS}}
	collector.StartTLS()
	defer collector.Close()

	headers := write(t, []byte("# for the collector\nAuthorization: Bearer a:b\n"), t.TempDir(), "headers")
	p := serve(t, []string{"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test%20bed,service.name=other", "OTEL_SERVICE_NAME=xray"},
		"--otlp-endpoint="+collector.URL, "--otlp-ca="+made.Cert, "--otlp-headers="+headers)
	response, err := http.Post(p.url+"/v1/predictions", "image/png", strings.NewReader(string(testmodel.PNG(64, 64, 1))))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	p.end(t)
	request := got.Load()
	if request == nil {
		t.Fatal("nothing came")
	}
	about := map[string]string{}
	for _, a := range request.ResourceSpans[0].Resource.Attributes {
		about[a.Key] = a.Value.GetStringValue()
	}
	if about["service.name"] != "xray" || about["deployment.environment.name"] != "test bed" || about["service.version"] == "" {
		t.Errorf("the service is described by %v", about)
	}
	names := map[string]int{}
	for _, s := range request.ResourceSpans[0].ScopeSpans[0].Spans {
		names[s.Name]++
	}
	for _, name := range []string{"POST /v1/predictions", "receive", "picture", "decode", "prepare", "infer"} {
		if names[name] != 1 {
			t.Errorf("%d spans %q: %v", names[name], name, names)
		}
	}
}

func TestTraceFlagsThatDoNotGoTogether(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, []byte("Authorization Bearer secret\n"), dir, "headers")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"needs --otlp-endpoint", []string{"--otlp-sample=0.5"}},
		{"needs --otlp-endpoint", []string{"--otlp-headers=" + secret}},
		{"needs --otlp-endpoint", []string{"--otlp-ca=x"}},
		{"must be 0 to 1", []string{"--otlp-endpoint=http://c", "--otlp-sample=1.5"}},
		{"is not the URL of a collector", []string{"--otlp-endpoint=c:4317"}},
	} {
		if r := spikeray(t, nil, append([]string{"serve"}, c.args...)...); r.status != 2 || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %+v, expected %q", c.args, r, c.says)
		}
	}
	for says, flag := range map[string]string{
		"line 1":                "--otlp-headers=" + secret,
		"--otlp-headers: open":  "--otlp-headers=" + dir + "/none",
		"no certificate in PEM": "--otlp-ca=" + secret,
	} {
		r := spikeray(t, nil, "serve", "--addr=127.0.0.1:0", "--otlp-endpoint=http://c", flag)
		if r.status != 1 || !strings.Contains(r.err, says) || strings.Contains(r.err, "secret\n") {
			t.Errorf("%s: %+v, expected %q", flag, r, says)
		}
	}
	if err := os.Truncate(secret, maxHeaders+1); err != nil {
		t.Fatal(err)
	}
	if _, err := readHeaders(secret); err == nil {
		t.Error("a file of any length is read")
	}
	if _, err := resource("1", func(string) string { return "a=%zz" }); err == nil {
		t.Error("an escape that is none is taken")
	}
}
