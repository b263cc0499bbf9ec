package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/batch"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// reach is a value other than a flag's default, and what it is to reach of a command.
type reach struct {
	value string
	with  []string // flags that it needs
	of    func(*commands) (got, want any)
}

type reaches map[string]reach

// and adds flags.
func (r reaches) and(more ...reaches) reaches {
	all := maps.Clone(r)
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

func modelReaches(f func(*commands) *modelFlag) reaches {
	return reaches{"model": {"snnxray", nil, func(c *commands) (any, any) { return f(c).Model, "snnxray" }}}
}

func calibrationReaches(f func(*commands) *calibrationFlag) reaches {
	return reaches{"calibration": {"a.json", nil, func(c *commands) (any, any) { return f(c).Calibration, "a.json" }}}
}

func pictureReaches(f func(*commands) *pictureFlags) reaches {
	return reaches{
		"max-bytes":  {"1M", nil, func(c *commands) (any, any) { return f(c).MaxBytes, size(1 << 20) }},
		"max-pixels": {"1M", nil, func(c *commands) (any, any) { return f(c).limits().MaxPixels, 1 << 20 }},
		"tiff":       {"true", nil, func(c *commands) (any, any) { return f(c).limits().TIFF, true }},
		"webp":       {"true", nil, func(c *commands) (any, any) { return f(c).limits().WebP, true }},
	}
}

func answerReaches(options func(*commands) pipeline.Options) reaches {
	return reaches{
		"threshold":       {"0.25", nil, func(c *commands) (any, any) { return orNil(options(c).Threshold), 0.25 }},
		"operating-point": {"screening", nil, func(c *commands) (any, any) { return options(c).OperatingPoint, "screening" }},
		"gate":            {"off", nil, func(c *commands) (any, any) { return options(c).Gate, pipeline.GateOff }},
		"bits":            {"11", nil, func(c *commands) (any, any) { return options(c).Bits, 11 }},
		"steps":           {"3", nil, func(c *commands) (any, any) { return options(c).Steps, 3 }},
	}
}

func formatReaches(f func(*commands) *formatFlags) reaches {
	return reaches{
		"json": {"true", nil, func(c *commands) (any, any) { return f(c).JSON, true }},
		"csv":  {"true", nil, func(c *commands) (any, any) { return f(c).CSV, true }},
	}
}

// boardReaches has what serve's table has of boards.
func boardReaches(f func(*commands) *boardFlags) reaches {
	r := reaches{}
	for name, w := range wiring {
		if !strings.HasPrefix(name, "board") {
			continue
		}
		r[name] = reach{w.value, w.with, func(c *commands) (any, any) {
			s := served{command: &serveCommand{boardFlags: *f(c)}}
			if f(c).Board != "" {
				var err error
				if s.board, err = f(c).boardOptions(); err != nil {
					return err, nil
				}
			}
			return w.reach(s)
		}}
	}
	return r
}

func boardFlagReaches(f func(*commands) *boardFlag) reaches {
	return reaches{
		"board": {"loihi", nil, func(c *commands) (any, any) {
			o, err := f(c).configure()
			return fmt.Sprint(o.Name, err), "loihi<nil>"
		}},
		"board-option": {"chip=loihi1", onLoihi, func(c *commands) (any, any) { return f(c).BoardOption["chip"], "loihi1" }},
	}
}

func outboxReaches(f func(*commands) *outboxFlag) reaches {
	return reaches{"outbox": {"o", nil, func(c *commands) (any, any) { return f(c).Outbox, "o" }}}
}

// anyReceipt is one that no journal has.
var anyReceipt = "12:" + strings.Repeat("0a", 32)

func recordReaches(f func(*commands) *recordFilter) reaches {
	return reaches{
		"from":    {"3", nil, func(c *commands) (any, any) { return f(c).From, uint64(3) }},
		"to":      {"4", nil, func(c *commands) (any, any) { return f(c).To, uint64(4) }},
		"receipt": {anyReceipt, nil, func(c *commands) (any, any) { return fmt.Sprint(f(c).Receipt), "[" + anyReceipt + "]" }},
		"request": {"r", nil, func(c *commands) (any, any) { return f(c).Request, "r" }},
		"picture": {"x.png", nil, func(c *commands) (any, any) { return f(c).Picture, "x.png" }},
	}
}

func keyReaches(f func(*commands) *keyFlags) reaches {
	line := func(c *commands) any {
		e, err := f(c).entry("")
		e.Hash = access.Hash{}
		return fmt.Sprintln(e.Scopes, e.Rate, err)
	}
	return reaches{
		"scope": {"models,operate", nil, func(c *commands) (any, any) { return line(c), "operate,models  <nil>\n" }},
		"rate":  {"7/m", nil, func(c *commands) (any, any) { return line(c), " 7/m <nil>\n" }},
	}
}

// wiringOf has the flags of the commands beside serve, by the command's name and what must follow it.
var wiringOf = map[string]struct {
	args  []string
	flags reaches
}{
	"predict": {[]string{"x.png"}, modelReaches(func(c *commands) *modelFlag { return &c.Predict.modelFlag }).and(
		calibrationReaches(func(c *commands) *calibrationFlag { return &c.Predict.calibrationFlag }),
		pictureReaches(func(c *commands) *pictureFlags { return &c.Predict.pictureFlags }),
		answerReaches(func(c *commands) pipeline.Options { return c.Predict.options() }),
		formatReaches(func(c *commands) *formatFlags { return &c.Predict.formatFlags }),
		boardReaches(func(c *commands) *boardFlags { return &c.Predict.boardFlags }),
		reaches{
			"prevalence": {"0.125", nil, func(c *commands) (any, any) { return orNil(c.Predict.options().Prevalence), 0.125 }},
			"human":      {"true", nil, func(c *commands) (any, any) { return c.Predict.options().EachStep, true }},
			"explain":    {"d", nil, func(c *commands) (any, any) { return c.Predict.evidence(2).Raster && c.Predict.Explain == "d", true }},
			"positions":  {"225", []string{"--explain=d"}, func(c *commands) (any, any) { return c.Predict.evidence(2).Positions, 225 }},
			"fill":       {"blur", []string{"--explain=d"}, func(c *commands) (any, any) { return c.Predict.evidence(2).Fill, evidence.FillBlur }},
		},
	)},
	"batch": {[]string{"x.png"}, modelReaches(func(c *commands) *modelFlag { return &c.Batch.modelFlag }).and(
		calibrationReaches(func(c *commands) *calibrationFlag { return &c.Batch.calibrationFlag }),
		pictureReaches(func(c *commands) *pictureFlags { return &c.Batch.pictureFlags }),
		answerReaches(func(c *commands) pipeline.Options { return c.Batch.options() }),
		boardReaches(func(c *commands) *boardFlags { return &c.Batch.boardFlags }),
		reaches{
			"prevalence":    {"0.125", nil, func(c *commands) (any, any) { return orNil(c.Batch.options().Prevalence), 0.125 }},
			"out":           {"x.csv", nil, func(c *commands) (any, any) { return c.Batch.Out, path("x.csv") }},
			"format":        {"parquet", nil, func(c *commands) (any, any) { return c.Batch.format().name, "parquet" }},
			"manifest":      {"list", nil, func(c *commands) (any, any) { return c.Batch.Manifest, path("list") }},
			"column":        {"file", []string{"--manifest=list"}, func(c *commands) (any, any) { return c.Batch.Column, "file" }},
			"shard":         {"3/16", nil, func(c *commands) (any, any) { return c.Batch.Shard, batch.Shard{I: 3, N: 16} }},
			"limit":         {"17", nil, func(c *commands) (any, any) { return c.Batch.Limit, 17 }},
			"max-failures":  {"17", nil, func(c *commands) (any, any) { return orNil(c.Batch.MaxFailures), 17 }},
			"workers":       {"17", nil, func(c *commands) (any, any) { return c.Batch.Workers, 17 }},
			"progress-json": {"true", nil, func(c *commands) (any, any) { return c.Batch.ProgressJSON, true }},
		},
	)},
	"pipe": {nil, modelReaches(func(c *commands) *modelFlag { return &c.Pipe.modelFlag }).and(
		calibrationReaches(func(c *commands) *calibrationFlag { return &c.Pipe.calibrationFlag }),
		pictureReaches(func(c *commands) *pictureFlags { return &c.Pipe.pictureFlags }),
		answerReaches(func(c *commands) pipeline.Options { return c.Pipe.options() }),
		boardReaches(func(c *commands) *boardFlags { return &c.Pipe.boardFlags }),
		reaches{
			"prevalence": {"0.125", nil, func(c *commands) (any, any) { return orNil(c.Pipe.options().Prevalence), 0.125 }},
			"workers":    {"17", nil, func(c *commands) (any, any) { return c.Pipe.Workers, 17 }},
		},
	)},
	"evaluate": {[]string{"."}, modelReaches(func(c *commands) *modelFlag { return &c.Evaluate.modelFlag }).and(
		calibrationReaches(func(c *commands) *calibrationFlag { return &c.Evaluate.calibrationFlag }),
		pictureReaches(func(c *commands) *pictureFlags { return &c.Evaluate.pictureFlags }),
		answerReaches(func(c *commands) pipeline.Options { return c.Evaluate.options() }),
		formatReaches(func(c *commands) *formatFlags { return &c.Evaluate.formatFlags }),
		boardReaches(func(c *commands) *boardFlags { return &c.Evaluate.boardFlags }),
		reaches{
			"rows":      {"true", []string{"--json"}, func(c *commands) (any, any) { return c.Evaluate.Rows, true }},
			"report":    {"r.html", nil, func(c *commands) (any, any) { return c.Evaluate.Report, "r.html" }},
			"bootstrap": {"17", nil, func(c *commands) (any, any) { return c.Evaluate.Bootstrap, 17 }},
		},
	)},
	"calibrate": {[]string{"."}, modelReaches(func(c *commands) *modelFlag { return &c.Calibrate.modelFlag }).and(
		pictureReaches(func(c *commands) *pictureFlags { return &c.Calibrate.pictureFlags }),
		reaches{
			"gate":       {"off", nil, func(c *commands) (any, any) { return c.Calibrate.Gate, pipeline.GateOff }},
			"bits":       {"11", nil, func(c *commands) (any, any) { return orNil(c.Calibrate.Bits), 11 }},
			"prevalence": {"0.125", nil, func(c *commands) (any, any) { return orNil(c.Calibrate.Prevalence), 0.125 }},
			"place":      {"Ward 3", nil, func(c *commands) (any, any) { return c.Calibrate.Place, "Ward 3" }},
			"out":        {"b.json", nil, func(c *commands) (any, any) { return c.Calibrate.Out, "b.json" }},
			"json":       {"true", nil, func(c *commands) (any, any) { return c.Calibrate.JSON, true }},
		},
	)},
	"model list": {},
	"model show": {[]string{"spikeray"}, reaches{"json": {"true", nil, func(c *commands) (any, any) { return c.Model.Show.JSON, true }}}},
	"model check": {[]string{"spikeray"}, boardFlagReaches(func(c *commands) *boardFlag { return &c.Model.Check.boardFlag }).and(
		reaches{"json": {"true", nil, func(c *commands) (any, any) { return c.Model.Check.JSON, true }}},
	)},
	"model folder": {[]string{"."}, reaches{"json": {"true", nil, func(c *commands) (any, any) { return c.Model.Folder.JSON, true }}}},
	"model use":    {[]string{".", "a", "1.0.0"}, nil},
	"model canary": {[]string{"spikeray"}, nil},
	"board selftest": {nil, modelReaches(func(c *commands) *modelFlag { return &c.Board.Selftest.modelFlag }).and(
		boardFlagReaches(func(c *commands) *boardFlag { return &c.Board.Selftest.boardFlag }),
		reaches{
			"board-timeout":       {"3s", onLoihi, func(c *commands) (any, any) { return c.Board.Selftest.BoardTimeout, 3 * time.Second }},
			"board-start-timeout": {"5s", onLoihi, func(c *commands) (any, any) { return c.Board.Selftest.BoardStartTimeout, 5 * time.Second }},
			"json":                {"true", nil, func(c *commands) (any, any) { return c.Board.Selftest.JSON, true }},
		},
	)},
	"outbox list": {nil, outboxReaches(func(c *commands) *outboxFlag { return &c.Outbox.List.outboxFlag }).and(
		reaches{"json": {"true", nil, func(c *commands) (any, any) { return c.Outbox.List.JSON, true }}})},
	"outbox retry": {[]string{"x"}, outboxReaches(func(c *commands) *outboxFlag { return &c.Outbox.Retry.outboxFlag })},
	"outbox drop":  {[]string{"x"}, outboxReaches(func(c *commands) *outboxFlag { return &c.Outbox.Drop.outboxFlag })},
	"audit verify": {[]string{"d"}, reaches{
		"head":    {anyReceipt, nil, func(c *commands) (any, any) { return fmt.Sprint(c.Audit.Verify.Head), "[" + anyReceipt + "]" }},
		"receipt": {anyReceipt, nil, func(c *commands) (any, any) { return fmt.Sprint(c.Audit.Verify.Receipt), "[" + anyReceipt + "]" }},
		"json":    {"true", nil, func(c *commands) (any, any) { return c.Audit.Verify.JSON, true }},
	}},
	"audit show": {[]string{"d"}, recordReaches(func(c *commands) *recordFilter { return &c.Audit.Show.recordFilter }).and(
		reaches{"json": {"true", nil, func(c *commands) (any, any) { return c.Audit.Show.JSON, true }}})},
	"audit head": {[]string{"d"}, nil},
	"replay": {[]string{"d", "x.png"}, recordReaches(func(c *commands) *recordFilter { return &c.Replay.recordFilter }).and(
		boardReaches(func(c *commands) *boardFlags { return &c.Replay.boardFlags }),
		reaches{
			"model":       {"a.safetensors;b.safetensors", nil, func(c *commands) (any, any) { return fmt.Sprint(c.Replay.Model), "[a.safetensors b.safetensors]" }},
			"calibration": {"a.json;b.json", nil, func(c *commands) (any, any) { return fmt.Sprint(c.Replay.Calibration), "[a.json b.json]" }},
			"max-bytes":   {"1M", nil, func(c *commands) (any, any) { return c.Replay.MaxBytes, size(1 << 20) }},
			"json":        {"true", nil, func(c *commands) (any, any) { return c.Replay.JSON, true }},
		})},
	"healthcheck": {nil, reaches{
		"addr":    {"127.0.0.1:9", nil, func(c *commands) (any, any) { return c.Healthcheck.Addr, "127.0.0.1:9" }},
		"timeout": {"7s", nil, func(c *commands) (any, any) { return c.Healthcheck.Timeout, 7 * time.Second }},

		"operator-addr": {"127.0.0.1:9", nil, func(c *commands) (any, any) { return c.Healthcheck.OperatorAddr, "127.0.0.1:9" }},
		"tls-cert":      {"c.pem", nil, func(c *commands) (any, any) { return c.Healthcheck.TLSCert, "c.pem" }},
		"tls-key":       {"k.pem", nil, func(c *commands) (any, any) { return c.Healthcheck.TLSKey, "k.pem" }},
	}},
	"key new":  {[]string{"a"}, keyReaches(func(c *commands) *keyFlags { return &c.Key.New.keyFlags })},
	"key hash": {[]string{"a"}, keyReaches(func(c *commands) *keyFlags { return &c.Key.Hash.keyFlags })},
	"version":  {},
}

// A flag that is added and is in no table fails here: whoever adds it has to say what it reaches.
func TestEveryFlagOfEveryCommandIsInATable(t *testing.T) {
	var tests strings.Builder
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for flag, test := range elsewhere {
		if !strings.Contains(tests.String(), "\nfunc "+test+"(") {
			t.Errorf("--%s is seen by %s, which is no test", flag, test)
		}
	}
	var c commands
	seen := map[string]bool{}
	for _, node := range newParser(&c).Model.Leaves(false) {
		command := strings.Join(strings.Fields(node.Path()), " ")
		seen[command] = true
		table := slices.Collect(maps.Keys(wiring))
		if command != "serve" {
			of, known := wiringOf[command]
			if !known {
				t.Errorf("the command %q is in no table", command)
			}
			table = slices.Collect(maps.Keys(of.flags))
		}
		own := map[string]bool{}
		for _, flags := range node.AllFlags(false) {
			for _, flag := range flags {
				own[flag.Name] = true
				if elsewhere[flag.Name] == "" && !slices.Contains(table, flag.Name) {
					t.Errorf("%s: --%s is in no table", command, flag.Name)
				}
			}
		}
		for _, name := range table {
			if !own[name] {
				t.Errorf("%s has no --%s", command, name)
			}
		}
	}
	for command := range wiringOf {
		if !seen[command] {
			t.Errorf("there is no command %q", command)
		}
	}
}

func TestEveryFlagAndVariableOfTheOtherCommandsReachesItsField(t *testing.T) {
	for command, of := range wiringOf {
		for name, r := range of.flags {
			t.Run(command+" "+name, func(t *testing.T) {
				parse := func(flags ...string) *commands {
					var c commands
					args := slices.Concat(strings.Fields(command), r.with, flags, of.args)
					if _, err := newParser(&c).Parse(args); err != nil {
						t.Fatalf("%q: %v", args, err)
					}
					return &c
				}
				if got, want := r.of(parse()); got == want {
					t.Errorf("--%s=%s is the default, and tells nothing", name, r.value)
				}
				if got, want := r.of(parse("--" + name + "=" + r.value)); got != want {
					t.Errorf("--%s=%s reaches %v, want %v", name, r.value, got, want)
				}
				t.Setenv(variableOf(name), r.value)
				if got, want := r.of(parse()); got != want {
					t.Errorf("%s=%s reaches %v, want %v", variableOf(name), r.value, got, want)
				}
			})
		}
	}
}
