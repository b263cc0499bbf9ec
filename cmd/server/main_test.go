package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
)

// asProgram makes the test binary be the program, for tests that want a real
// process.
const asProgram = "SPIKERAY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

type ran struct {
	status   int
	out, err string
}

// spikeray runs the program within the test. A server that should have refused to start is ended after a while.
func spikeray(t *testing.T, stdin []byte, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, err bytes.Buffer
	status := run(ctx, args, &streams{in: bytes.NewReader(stdin), out: &out, err: &err})
	return ran{status, out.String(), err.String()}
}

func write(t *testing.T, content []byte, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestEveryFlagIsAnEnvironmentVariable(t *testing.T) {
	var c commands
	parser, err := kong.New(&c, kong.DefaultEnvars("SPIKERAY"), defaults)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, node := range parser.Model.Leaves(false) {
		for _, flag := range node.Flags {
			if flag.Name == "version" {
				continue // who sets SPIKERAY_VERSION for a script does not want the program to end
			}
			want := "SPIKERAY_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if len(flag.Envs) != 1 || flag.Envs[0] != want {
				t.Errorf("%s --%s: %q, want %s", node.Name, flag.Name, flag.Envs, want)
			}
			if flag.Help == "" {
				t.Errorf("%s --%s has no help", node.Name, flag.Name)
			}
			seen++
		}
	}
	if seen < 20 {
		t.Errorf("only %d flags seen", seen)
	}
}

func TestHelpAndMistakes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"predict", "--help"}, {"batch", "--help"}, {"pipe", "--help"}, {"evaluate", "--help"}, {"calibrate", "--help"}, {"model", "--help"}} {
		if r := spikeray(t, nil, args...); r.status != 0 || !strings.Contains(r.out, "Usage: spikeray") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	for _, args := range [][]string{
		{"--nonsense"}, {"predict"}, {"predict", "--threshold=2", "x"}, {"predict", "--threshold=NaN", "x"},
		{"predict", "--steps=-1", "x"}, {"predict", "--max-bytes=0", "x"}, {"predict", "--max-bytes=-1", "x"},
		{"predict", "--max-bytes=1025G", "x"}, {"predict", "--max-bytes=9999999999999999999", "x"}, {"evaluate", "/nonexistent"},
		{"serve", "--workers=0"}, {"serve", "--workers=100000000000"}, {"serve", "--queue=-1"}, {"serve", "--queue=9223372036854775807"}, {"serve", "--min-upload-rate=9223372036854775807"}, {"serve", "--read-timeout=-1s"}, {"serve", "--log-level=loud"},
		{"serve", "--log-format=xml"}, {"serve", "--threshold=2"}, {"serve", "--threshold=0.5", "--operating-point=balanced"}, {"evaluate", "--bootstrap=-1", "."},
		{"calibrate"}, {"calibrate", "--prevalence=1", "."}, {"calibrate", "--bits=7", "."}, {"calibrate", "--place=", "."},
	} {
		if r := spikeray(t, nil, args...); r.status != 2 || !strings.Contains(r.err, "spikeray: ") {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]size{"1": 1, "1000": 1000, "64K": 64 << 10, "32M": 32 << 20, "2g": 2 << 30, "1024G": 1 << 40} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K", "0", "-1", "1.5M", "1T", "1025G", "1KK", "0x10"} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func TestVersionTellsTheToolchain(t *testing.T) {
	if r := spikeray(t, nil, "version"); r.status != 0 || !strings.Contains(r.out, "spikeray ") || !strings.Contains(r.out, "go1.") {
		t.Errorf("%+v", r)
	}
}
