// Command spikeray reads chest X-rays and answers with a probability of
// pneumonia from a spiking neural network: over HTTP (serve, the default) or
// from files (predict, evaluate).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/board/adapters"
	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// version and revision may be set by the linker, in place of the program's own and of the repository's:
// -ldflags "-X main.version=v2.0.1 -X main.revision=0123abc".
var version, revision string

const description = `Reads chest X-rays and answers with a probability of pneumonia from a spiking neural network.

Research software: not a medical device, not for diagnosis.

Without a command it serves; see spikeray serve --help. Every flag can also be set with the environment variable that a command's help shows beside it.

  spikeray --addr :8080                            serve on all interfaces
  curl --data-binary @x.jpeg localhost:8080/v1/predictions
  curl --data-binary @film.dcm localhost:8080/v1/predictions
  spikeray predict --json *.jpeg                   answer without a server
  spikeray evaluate test/                          test/NORMAL and test/PNEUMONIA`

// statusError is an error that ends the program with a status of its own. Without a text, what there is to say has been said.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// errSilent ends the program with status 1 when the error has already been reported.
var errSilent = &statusError{status: 1}

type commands struct {
	ShowVersion kong.VersionFlag `name:"version" env:"-" help:"Print the program's version and exit."`

	Kernel string `placeholder:"TIER" help:"Processor tier to compute on: ${tiers}. The default is the first of them."`

	Serve       serveCommand       `cmd:"" default:"withargs" help:"Answer over HTTP, and in a hospital's network by DICOM (the default command)."`
	Predict     predictCommand     `cmd:"" help:"Answer picture files, without a server."`
	Batch       batchCommand       `cmd:"" help:"Answer an archive into a file: many pictures, on all cores, going on after an interruption where it was."`
	Pipe        pipeCommand        `cmd:"" help:"Answer pictures that another program sends on standard input, each behind its length."`
	Evaluate    evaluateCommand    `cmd:"" help:"Score a model on a folder of pictures whose classes are known."`
	Calibrate   calibrateCommand   `cmd:"" help:"Calibrate a model on your site's own pictures, whose classes are known."`
	Model       modelCommand       `cmd:"" help:"List, show and check models."`
	Key         keyCommand         `cmd:"" help:"Make API keys, and their lines for the file of --api-keys."`
	Outbox      outboxCommand      `cmd:"" help:"List, retry and drop results that wait to be delivered."`
	Audit       auditCommand       `cmd:"" help:"Verify and show the audit log of a server."`
	Replay      replayCommand      `cmd:"" help:"Answer recorded pictures again and compare the answers bit for bit."`
	Board       boardCommand       `cmd:"" help:"Test a board."`
	Healthcheck healthcheckCommand `cmd:"" help:"Check that a running server is alive; for a container's HEALTHCHECK."`
	Version     versionCommand     `cmd:"" help:"Print the program's version."`
}

// defaults are what the flags' tags call ${…}.
var defaults = kong.Vars{
	"model":   models.Default,
	"tiers":   strings.Join(kernel.Available(), ", "),
	"workers": defaultWorkers(),
	"boards":  strings.Join(adapters.Names(), ", "),
	"scopes":  strings.Join(access.ScopeNames(), ", "),
	"version": versionLine(),
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// progress is the terminal on which progress is shown, nil for none.
	progress      io.Writer
	outIsTerminal bool
	columns       int  // of the terminal that out is, 0 for none
	colour        bool // out shows colours
}

// processStreams are the process's own.
func processStreams() *streams {
	std := &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, outIsTerminal: term.IsTerminal(int(os.Stdout.Fd()))}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		std.progress = os.Stderr
	}
	if std.outIsTerminal {
		std.columns, _, _ = term.GetSize(int(os.Stdout.Fd()))
		std.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // no-color.org
	}
	return std
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one has its usual effect, so that whoever
	// does not want to wait can end the program.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], processStreams()))
}

// run is the program; it returns the exit status.
func run(ctx context.Context, args []string, std *streams) int {
	out, errs := &printable{w: std.out}, &printable{w: std.err}
	defer out.end()
	defer errs.end()
	own := *std
	own.out, own.err = out, errs
	std = &own
	var c commands
	exit := -1
	parser := newParser(&c,
		kong.Writers(std.out, std.err),
		kong.Exit(func(status int) { exit = status }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		fmt.Fprintf(std.err, "spikeray: %v\nTry spikeray --help.\n", err)
		return 2
	}
	if err := strict(parsed, os.Environ()); err != nil {
		fmt.Fprintf(std.err, "spikeray: %v\nTry %s --help.\n", err, parsed.Selected().FullPath())
		return 2
	}
	tier, err := kernel.Named(c.Kernel)
	if err != nil {
		fmt.Fprintf(std.err, "spikeray: --kernel: %v\n", err)
		return 2
	}
	err = parsed.Run(model.DecodeOptions{Kernel: tier.Name()})
	if err == nil {
		return 0
	}
	status, text := ending(err)
	if text == "" {
		return status
	}
	last := telemetry.NewSpool(std.err, 1<<20, nil, nil) // nobody may read what a server that ends has to say
	fmt.Fprintf(last, "spikeray: %s\n", text)
	last.Close(time.Second)
	return status
}

// ending is the status that an error ends the program with, and what there is to say.
func ending(err error) (status int, text string) {
	status = 1
	if ended := new(statusError); errors.As(err, &ended) {
		status = ended.status
	}
	return status, strings.TrimSpace(err.Error())
}

// newParser reads the command line and the environment into c.
func newParser(c *commands, options ...kong.Option) *kong.Kong {
	parser, err := kong.New(c, append(options,
		kong.Name("spikeray"),
		kong.Description(description),
		kong.DefaultEnvars("SPIKERAY"),
		defaults,
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)...)
	if err != nil {
		panic(err) // the commands above are wrong
	}
	return parser
}

type versionCommand struct{}

func (versionCommand) Run(std *streams) error {
	_, err := fmt.Fprintln(std.out, versionLine())
	return err
}

// programVersion is the version by itself.
func programVersion() string { return telemetry.ReadBuild(version, revision).Version }

func versionLine() string {
	b := telemetry.ReadBuild(version, revision)
	if b.Revision != "" {
		b.Revision = " (" + b.Revision + ")"
	}
	return fmt.Sprintf("spikeray %s%s %s", b.Version, b.Revision, b.GoVersion)
}
