package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
)

// served is what flags of serve reach.
type served struct {
	command *serveCommand
	plan    memory.Plan
	server  api.Config
	board   board.Options
	dicom   *dimse.Server
}

// wiring has, for every flag of serve, a value other than its default and what that value reaches.
var wiring = map[string]struct {
	value string
	with  []string // flags that it needs
	reach func(served) (got, want any)
}{
	"addr":              {"127.0.0.1:9", nil, func(s served) (any, any) { return s.command.Addr, "127.0.0.1:9" }},
	"model":             {"snnxray", nil, func(s served) (any, any) { return fmt.Sprint(s.command.Model), "[snnxray]" }},
	"calibration":       {"a.json", nil, func(s served) (any, any) { return fmt.Sprint(s.command.Calibration), "[a.json]" }},
	"threshold":         {"0.25", nil, func(s served) (any, any) { return orNil(s.server.Standard.Threshold), 0.25 }},
	"operating-point":   {"screening", nil, func(s served) (any, any) { return s.server.Standard.OperatingPoint, "screening" }},
	"gate":              {"off", nil, func(s served) (any, any) { return s.server.Gate, pipeline.GateOff }},
	"max-bytes":         {"1M", nil, func(s served) (any, any) { return s.server.MaxImageBytes, int64(1 << 20) }},
	"max-pixels":        {"1M", nil, func(s served) (any, any) { return s.server.Limits.MaxPixels, 1 << 20 }},
	"tiff":              {"true", nil, func(s served) (any, any) { return s.server.Limits.TIFF, true }},
	"webp":              {"true", nil, func(s served) (any, any) { return s.server.Limits.WebP, true }},
	"workers":           {"7", nil, func(s served) (any, any) { return s.server.Queue.Workers(), 7 }},
	"queue":             {"31", nil, func(s served) (any, any) { return s.server.Queue.Capacity(), 31 }},
	"max-images":        {"3", nil, func(s served) (any, any) { return s.server.MaxImages, 3 }},
	"max-request-bytes": {"33M", nil, func(s served) (any, any) { return s.server.MaxRequestBytes, int64(33 << 20) }},
	"max-connections":   {"77", nil, func(s served) (any, any) { return s.server.MaxConnections, 77 }},
	"max-upload-memory": {"99M", nil, func(s served) (any, any) { return s.server.MaxUploadMemory, int64(99 << 20) }},
	"memory":            {"700M", nil, func(s served) (any, any) { return s.plan.Bytes, int64(700 << 20) }},
	"queue-time":        {"3s", nil, func(s served) (any, any) { return s.server.Queue.Wait, 3 * time.Second }},
	"predict-timeout":   {"31s", nil, func(s served) (any, any) { return s.server.PredictTimeout, 31 * time.Second }},
	"read-timeout":      {"41s", nil, func(s served) (any, any) { return s.server.ReadTimeout, 41 * time.Second }},
	"min-upload-rate":   {"5K", nil, func(s served) (any, any) { return s.server.MinUploadRate, int64(5 << 10) }},
	"idle-timeout":      {"51s", nil, func(s served) (any, any) { return s.server.IdleTimeout, 51 * time.Second }},
	"drain-delay":       {"6s", nil, func(s served) (any, any) { return s.server.DrainDelay, 6 * time.Second }},
	"shutdown-timeout":  {"7s", nil, func(s served) (any, any) { return s.server.ShutdownTimeout, 7 * time.Second }},
	"dicom-echo":        {"true", nil, func(s served) (any, any) { return s.server.Echo, true }},
	"trusted-origin":    {"https://a.example", nil, func(s served) (any, any) { return fmt.Sprint(s.server.TrustedOrigins), "[https://a.example]" }},
	"send": {"pacs:sr,sc=dicom://PACS@pacs:104", nil, func(s served) (any, any) {
		targets, err := s.command.targets()
		return fmt.Sprint(targets, err), "[pacs:sr,sc=dicom://PACS@pacs:104] <nil>"
	}},
	"send-credentials":        {"c.txt", onSend, func(s served) (any, any) { return s.command.SendCredentials, "c.txt" }},
	"send-ca":                 {"a.pem", onSend, func(s served) (any, any) { return s.command.SendCA, "a.pem" }},
	"send-cert":               {"c.pem", onSend, func(s served) (any, any) { return s.command.SendCert, "c.pem" }},
	"send-key":                {"k.pem", onSend, func(s served) (any, any) { return s.command.SendKey, "k.pem" }},
	"send-map":                {"true", []string{"--send=sc=dicom://A@h"}, func(s served) (any, any) { return s.command.SendMap, true }},
	"outbox":                  {"o", onSend, func(s served) (any, any) { return s.command.Outbox, "o" }},
	"outbox-limit":            {"5M", onSend, func(s served) (any, any) { return s.command.outboxOptions().MaxBytes, int64(5 << 20) }},
	"watch":                   {"w", onSend, func(s served) (any, any) { return s.command.Watch, "w" }},
	"dicom-listen":            {":104", onSend, func(s served) (any, any) { return s.command.DICOMListen, ":104" }},
	"dicom-ae-title":          {"XRAY", onDICOM, func(s served) (any, any) { return s.dicom.AETitle, "XRAY" }},
	"dicom-caller":            {"CR1@10.1.0.0/16;CR2", onDICOM, func(s served) (any, any) { return fmt.Sprint(s.dicom.Callers), "[{CR1 [10.1.0.0/16]} {CR2 []}]" }},
	"dicom-tls-cert":          {"c.pem", onDICOM, func(s served) (any, any) { return s.command.DICOMTLSCert, "c.pem" }},
	"dicom-tls-key":           {"k.pem", onDICOM, func(s served) (any, any) { return s.command.DICOMTLSKey, "k.pem" }},
	"dicom-tls-client-ca":     {"a.pem", onDICOM, func(s served) (any, any) { return s.command.DICOMTLSClientCA, "a.pem" }},
	"dicom-associations":      {"5", onDICOM, func(s served) (any, any) { return s.dicom.Limits.Associations, 5 }},
	"dicom-associations-each": {"6", onDICOM, func(s served) (any, any) { return s.dicom.Limits.PerAddress, 6 }},
	"dicom-idle-timeout":      {"7s", onDICOM, func(s served) (any, any) { return s.dicom.Limits.Idle, 7 * time.Second }},

	"otlp-endpoint": {"http://c:4318", nil, func(s served) (any, any) { return s.command.OTLPEndpoint, "http://c:4318" }},
	"otlp-headers":  {"h", onOTLP, func(s served) (any, any) { return s.command.OTLPHeaders, "h" }},
	"otlp-ca":       {"a.pem", onOTLP, func(s served) (any, any) { return s.command.OTLPCA, "a.pem" }},
	"otlp-sample":   {"0.25", onOTLP, func(s served) (any, any) { return s.command.OTLPSample, 0.25 }},

	"audit":               {"a", nil, func(s served) (any, any) { return s.command.Audit, "a" }},
	"audit-segment-bytes": {"5M", onAudit, func(s served) (any, any) { return s.command.auditFlags.options().SegmentBytes, int64(5 << 20) }},
	"audit-segment-age":   {"3h", onAudit, func(s served) (any, any) { return s.command.auditFlags.options().SegmentAge, 3 * time.Hour }},
	"audit-keep":          {"7h", onAudit, func(s served) (any, any) { return s.command.auditFlags.options().Keep, 7 * time.Hour }},

	"api-keys":        {"k.txt", nil, func(s served) (any, any) { return s.command.APIKeys, "k.txt" }},
	"jwks":            {"j.json", onJWKS[1:], func(s served) (any, any) { return s.command.JWKS, "j.json" }},
	"jwt-issuer":      {"https://i", []string{"--jwks=j", "--jwt-audience=a"}, func(s served) (any, any) { return s.command.guard().Tokens.Issuer, "https://i" }},
	"jwt-audience":    {"me", []string{"--jwks=j", "--jwt-issuer=i"}, func(s served) (any, any) { return s.command.guard().Tokens.Audience, "me" }},
	"jwt-scope-claim": {"scp", onJWKS, func(s served) (any, any) { return s.command.guard().Tokens.ScopeClaim, "scp" }},
	"jwt-clock-skew":  {"7s", onJWKS, func(s served) (any, any) { return s.command.guard().Tokens.Skew, 7 * time.Second }},
	"tls-cert":        {"c.pem", nil, func(s served) (any, any) { return s.command.TLSCert, "c.pem" }},
	"tls-key":         {"k.pem", onTLS, func(s served) (any, any) { return s.command.TLSKey, "k.pem" }},
	"tls-client-ca":   {"a.pem", onTLS, func(s served) (any, any) { return s.command.TLSClientCA, "a.pem" }},
	"operator-addr":   {"127.0.0.1:9090", nil, func(s served) (any, any) { return s.server.OperatorsApart, true }},
	"trusted-proxy":   {"10.1.0.0/16;::1", nil, func(s served) (any, any) { return fmt.Sprint(s.server.Proxies), "[10.1.0.0/16 ::1/128]" }},
	"caller-rate":     {"7/m", nil, func(s served) (any, any) { return s.server.CallerRate.String(), "7/m" }},

	"models":         {"m", nil, func(s served) (any, any) { return s.command.repositoryFlags.options(s.plan).Dir, "m" }},
	"default-model":  {"a", onModels, func(s served) (any, any) { return s.command.repositoryFlags.options(s.plan).Default, "a" }},
	"model-versions": {"3", onModels, func(s served) (any, any) { return s.command.repositoryFlags.options(s.plan).Versions, 3 }},
	"models-poll":    {"5s", onModels, func(s served) (any, any) { return s.command.ModelsPoll, 5 * time.Second }},
	"models-api":     {"true", nil, func(s served) (any, any) { return s.server.ModelControl, true }},
	"shadow": {"a@1.0.0", nil, func(s served) (any, any) {
		return s.command.repositoryFlags.options(s.plan).Shadow, repository.Reference{Name: "a", Version: "1.0.0"}
	}},
	"shadow-share": {"0.5", []string{"--shadow=a"}, func(s served) (any, any) { return s.server.ShadowShare, 0.5 }},

	"log-format": {"json", nil, func(s served) (any, any) { return s.command.LogFormat, "json" }},
	"log-level":  {"error", nil, func(s served) (any, any) { return s.command.LogLevel, slog.LevelError }},

	"board":                  {"loihi", nil, func(s served) (any, any) { return s.board.Name, "loihi" }},
	"board-option":           {"chip=loihi1", onLoihi, func(s served) (any, any) { return s.command.BoardOption["chip"], "loihi1" }},
	"board-fallback":         {"request", onLoihi, func(s served) (any, any) { return s.board.Fallback, board.Request }},
	"board-queue":            {"5", onLoihi, func(s served) (any, any) { return s.board.Queue, 5 }},
	"board-timeout":          {"3s", onLoihi, func(s served) (any, any) { return s.board.Timeout, 3 * time.Second }},
	"board-silence":          {"4s", onLoihi, func(s served) (any, any) { return s.board.Silence, 4 * time.Second }},
	"board-start-timeout":    {"5s", onLoihi, func(s served) (any, any) { return s.board.StartTimeout, 5 * time.Second }},
	"board-failures":         {"9", onLoihi, func(s served) (any, any) { return s.board.Failures, 9 }},
	"board-retry":            {"8s", onLoihi, func(s served) (any, any) { return s.board.Retry, 8 * time.Second }},
	"board-canary":           {"11s", onLoihi, func(s served) (any, any) { return s.board.Canary, 11 * time.Second }},
	"board-canary-answers":   {"17", onLoihi, func(s served) (any, any) { return s.board.CanaryAnswers, 17 }},
	"board-check":            {"0.25", onLoihi, func(s served) (any, any) { return s.board.Check, 0.25 }},
	"board-canary-tolerance": {"0.5", onLoihi, func(s served) (any, any) { return s.board.Tolerance, 0.5 }},
}

// orNil is what a pointer points at, or nil.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

var (
	onSend  = []string{"--send=hl7=mllp://ris:2575"}
	onDICOM = append(onSend, "--dicom-listen=:104")
)

var (
	onOTLP   = []string{"--otlp-endpoint=http://c:4318"}
	onModels = []string{"--models=m"}
	onLoihi  = []string{"--board=loihi"}
	onAudit  = []string{"--audit=a"}
	onJWKS   = []string{"--jwks=j", "--jwt-issuer=i", "--jwt-audience=a"}
	onTLS    = []string{"--tls-cert=c"}
)

// elsewhere are the flags of every command that no table has, each with a test that sees what it does.
var elsewhere = map[string]string{
	"help":    "TestHelpAndMistakes",
	"version": "TestOneVersion",
	"kernel":  "TestTheKernelIsTheOneAskedFor",
}

func parseServe(t *testing.T, environment []string, args ...string) served {
	t.Helper()
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var c commands
	parsed, err := newParser(&c).Parse(append([]string{"serve"}, args...))
	if err == nil {
		err = strict(parsed, environment)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := served{command: &c.Serve}
	if s.plan, err = c.Serve.plan(); err == nil {
		s.server, err = c.Serve.config(s.plan)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.Serve.DICOMListen != "" && c.Serve.DICOMTLSCert+c.Serve.DICOMTLSKey+c.Serve.DICOMTLSClientCA == "" {
		if s.dicom, err = c.Serve.dimseServer(s.plan.Objects, int64(c.Serve.MaxBytes)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Serve.Board != "" {
		if s.board, err = c.Serve.boardOptions(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestEveryFlagAndVariableOfServeReachesItsField(t *testing.T) {
	for name, w := range wiring {
		t.Run(name, func(t *testing.T) {
			if got, want := w.reach(parseServe(t, nil, append(w.with, "--"+name+"="+w.value)...)); got != want {
				t.Errorf("--%s=%s reaches %v, want %v", name, w.value, got, want)
			}
			// What is given with these does not go without them.
			if !slices.Contains([]string{"board", "jwks", "jwt-issuer", "jwt-audience"}, name) {
				if got, want := w.reach(parseServe(t, nil, w.with...)); got == want {
					t.Errorf("--%s=%s is the default, and tells nothing", name, w.value)
				}
			}
			variable := variableOf(name) + "=" + w.value
			if got, want := w.reach(parseServe(t, []string{variable}, w.with...)); got != want {
				t.Errorf("%s reaches %v, want %v", variable, got, want)
			}
		})
	}
}

func variableOf(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func TestThePlanOfMemoryReachesTheServer(t *testing.T) {
	s := parseServe(t, nil, "--memory=700M", "--max-upload-memory=99M")
	if s.server.Queue.Memory != s.plan.Pictures || s.server.MaxUploadMemory != s.plan.Uploads || s.plan.Uploads != 99<<20 || s.plan.Pictures < 100<<20 {
		t.Errorf("%d for pictures and %d for uploads, of %+v", s.server.Queue.Memory, s.server.MaxUploadMemory, s.plan)
	}
}

func TestALowerLimitOfGoLeavesWhatFlagsSay(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "300MiB")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(300 << 20))
	p := parseServe(t, nil, append(onDICOM, "--memory=8G", "--max-upload-memory=20M", "--max-bytes=5M")...).plan
	p.Apply()
	if p.Uploads != 10<<20 || p.Objects != 10<<20 || p.Pictures < 100<<20 || p.Pictures > 300<<20 || debug.SetMemoryLimit(-1) != 300<<20 {
		t.Errorf("%+v", p)
	}
}

func TestObjectsHaveHalfOfTheMemoryForUploads(t *testing.T) {
	s := parseServe(t, nil, append(onDICOM, "--memory=700M", "--max-upload-memory=80M", "--max-bytes=10M")...)
	if s.server.MaxUploadMemory != 40<<20 || s.dicom.Limits.Memory != 40<<20 || s.dicom.Limits.Object != 10<<20 {
		t.Errorf("%d for uploads and %+v for associations", s.server.MaxUploadMemory, s.dicom.Limits)
	}
}

func TestAssociationsAreServedWithAnyMemory(t *testing.T) {
	for _, memory := range []string{"128M", "256M", "512M", "700M", "1G", "8G"} {
		s := parseServe(t, nil, append(onDICOM, "--memory="+memory)...)
		s.dicom.Store = func(context.Context, dimse.Object) (dimse.Status, string) { return dimse.Success, "" }
		s.dicom.StorageClasses = []string{dicom.CRImage}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := s.dicom.Serve(ended, l); !errors.Is(err, context.Canceled) {
			t.Errorf("with %s: %v", memory, err)
		}
		if s.dicom.Limits.Object < 2<<20 {
			t.Errorf("with %s objects may have %d bytes", memory, s.dicom.Limits.Object)
		}
	}
}

func TestHospitalFlagsThatDoNotGoTogether(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"need --send", []string{"--dicom-listen=:104"}},
		{"need --send", []string{"--watch=w"}},
		{"needs --send", []string{"--outbox=o"}},
		{"needs --send", []string{"--send-ca=a.pem"}},
		{"needs --dicom-listen", append(onSend, "--dicom-caller=A")},
		{"neither in the other", append(onSend, "--outbox=w/o", "--watch=w")},
		{"is given twice", []string{"--send=sr=dicom://A@h;sc=dicom://A@h"}},
		{"no way to deliver", []string{"--send=sr=ftp://h"}},
		{"cannot be sent by dicom", []string{"--send=hl7=dicom://A@h"}},
		{"needs its AE title", []string{"--send=sr=dicom://h"}},
		{"--send-credentials", []string{"--send=sr=https://user:secret@h/dicom-web"}},
		{"no IP address", append(onDICOM, "--dicom-caller=A@nowhere")},
		{"AETITLE[@ADDRESS]", append(onDICOM, "--dicom-caller=SEVENTEENLETTERSX")},
		{"at least 1", append(onDICOM, "--dicom-associations=0")},
		{"--send-map needs --send", []string{"--send-map"}},
		{"gets secondary captures", []string{"--send-map", "--send=sr=dicom://A@h"}},
	} {
		r := spikeray(t, nil, append([]string{"serve"}, c.args...)...)
		if r.status != 2 || !strings.Contains(r.err, c.says) || strings.Contains(r.err, "secret") {
			t.Errorf("%q: %+v, expected %q", c.args, r, c.says)
		}
	}
	if r := spikeray(t, nil, append([]string{"serve", "--addr=127.0.0.1:0"}, onSend...)...); r.status != 1 || !strings.Contains(r.err, "--send needs --outbox") {
		t.Errorf("%+v", r)
	}
}

func TestFlagsOfModelsThatDoNotGoTogether(t *testing.T) {
	for says, args := range map[string][]string{
		"--default-model needs --models":          {"--default-model=spikeray"},
		"--model-versions needs --models":         {"--model-versions=2"},
		"--models-poll needs --models":            {"--models-poll=3s"},
		"--shadow-share needs --shadow":           {"--shadow-share=0.5"},
		"--default-model or --model, not both":    {"--models=m", "--default-model=a", "--model=spikeray"},
		"--model-versions must be 1 to 16":        {"--models=m", "--model-versions=0"},
		"--models-poll must be 0 or at least 1s":  {"--models=m", "--models-poll=1ms"},
		"--shadow-share must be above 0":          {"--shadow=a", "--shadow-share=0"},
		"--shadow must be a model's name":         {"--shadow=a@"},
		"--shadow must be a model's name, or NAM": {"--shadow=@1.0.0"},
	} {
		if r := spikeray(t, nil, append([]string{"serve"}, args...)...); r.status != 2 || !strings.Contains(r.err, says) {
			t.Errorf("%q: %+v, expected %q", args, r, says)
		}
	}
}

func TestModelsAndTheShadowHaveMemoryOfTheirOwn(t *testing.T) {
	without, with := parseServe(t, nil, "--memory=700M"), parseServe(t, nil, "--memory=700M", "--models=m", "--shadow=a")
	if with.plan.Models != without.plan.Pictures/2 || with.server.Queue.Memory+with.plan.Models != without.server.Queue.Memory ||
		with.server.ShadowMemory != without.plan.Uploads/8 || with.server.MaxUploadMemory+with.server.ShadowMemory != without.server.MaxUploadMemory {
		t.Errorf("%+v without, %+v with", without.plan, with.plan)
	}
}

// A board's zero is never, and not the default.
func TestZeroIsNeverForABoard(t *testing.T) {
	o := parseServe(t, nil, "--board=loihi", "--board-queue=0", "--board-canary=0", "--board-canary-answers=0", "--board-check=0").board
	if o.Queue >= 0 || o.Canary >= 0 || o.CanaryAnswers >= 0 || o.Check >= 0 {
		t.Errorf("%d waiting, a canary every %v and %d answers, %v checked", o.Queue, o.Canary, o.CanaryAnswers, o.Check)
	}
}

func TestLimitsThatAreNotGivenGiveWay(t *testing.T) {
	s := parseServe(t, nil, "--max-upload-memory=8M").server
	if s.MaxRequestBytes != 8<<20 || s.MaxImageBytes != 8<<20/3*2 {
		t.Errorf("%d, %d", s.MaxRequestBytes, s.MaxImageBytes)
	}
	if s := parseServe(t, nil, "--max-request-bytes=1M").server; s.MaxImageBytes != 1<<20 {
		t.Errorf("%d", s.MaxImageBytes)
	}
	if s := parseServe(t, nil, "--memory=128M", "--tls-cert=c").server; s.MaxConnections >= 1024 || s.MaxConnections < 256 {
		t.Errorf("%d connections over TLS in 128 MiB", s.MaxConnections)
	}
	if s := parseServe(t, nil, "--workers=2", "--queue=1").server; s.MaxImages != 3 {
		t.Errorf("%d", s.MaxImages)
	}
}
