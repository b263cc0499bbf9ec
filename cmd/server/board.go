package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/board/adapters"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// boardFlag names a board.
type boardFlag struct {
	Board       string            `placeholder:"NAME" help:"Board that runs the model's spiking layers, in place of the simulator: ${boards}. The model must fit it."`
	BoardOption map[string]string `placeholder:"KEY=VALUE" help:"Option of the board, such as chip=loihi1 or url=http://host:port; several are separated by semicolons or given one by one."`
}

// configure is the board's own part of the options.
func (f boardFlag) configure() (board.Options, error) {
	if f.Board == "" {
		return board.Options{}, errors.New("--board-option is for a --board, and none is given")
	}
	return adapters.Configure(f.Board, f.BoardOption)
}

func (f boardFlag) given() bool { return f.Board != "" || len(f.BoardOption) > 0 }

// boardFlags say which board runs the model, and what happens when it does not.
type boardFlags struct {
	boardFlag
	BoardFallback        board.Fallback `default:"off" enum:"off,start,request" placeholder:"WHEN" help:"When the simulator answers in the board's place, on the network with the board's own numbers: off is never, start while the board has not been reached since the start, request whenever it does not answer. The default is ${default}."`
	BoardQueue           int            `default:"64" help:"Runs that may wait for the board; more are answered as when it is busy."`
	BoardTimeout         time.Duration  `default:"10s" help:"Longest time that a run on the board may take."`
	BoardStartTimeout    time.Duration  `default:"1m" help:"Longest time to connect, to load the network and to try it."`
	BoardFailures        int            `default:"3" help:"Failures in a row after which the board is not asked until it answers a known input rightly."`
	BoardSilence         time.Duration  `placeholder:"DURATION" help:"How long a board that is asked may answer nothing at all until it is not asked any more, however few have failed; the default is one and a half times --board-timeout."`
	BoardRetry           time.Duration  `default:"5s" help:"How long it is then left alone; twice as long after each try, up to 16 times."`
	BoardCanary          time.Duration  `default:"1m" help:"How often a board that works is shown the known input; 0 for never. A wrong answer puts it into quarantine, until SIGHUP or a restart."`
	BoardCanaryAnswers   int            `default:"100" placeholder:"N" help:"After how many answers it is shown that input as well; 0 for never."`
	BoardCheck           float64        `default:"1" placeholder:"SHARE" help:"Share of the board's answers, from 0 to 1, that are computed again on the simulator, where that knows the board's network exactly. A wrong one is not given, and puts the board into quarantine."`
	BoardCanaryTolerance float64        `default:"0" placeholder:"SHARE" help:"Share of the known input's spikes, from 0 to below 1, that may be too many or too few before that counts as wrong, for a board that is not exact."`
}

// Validate is called by kong once the flags are read.
func (f boardFlags) Validate() error {
	switch {
	case f.BoardQueue < 0 || f.BoardFailures < 1:
		return errors.New("--board-failures must be above 0, --board-queue not below")
	case f.BoardSilence < 0:
		return errors.New("--board-silence must be above 0")
	case f.BoardTimeout <= 0 || f.BoardStartTimeout <= 0 || f.BoardRetry <= 0 || f.BoardCanary < 0:
		return errors.New("the board's timeouts and --board-retry must be above 0, --board-canary not below")
	case f.BoardCanaryAnswers < 0 || !(f.BoardCheck >= 0 && f.BoardCheck <= 1):
		return errors.New("--board-check must be from 0 to 1, --board-canary-answers not below 0")
	case !(f.BoardCanaryTolerance >= 0 && f.BoardCanaryTolerance < 1):
		return errors.New("--board-canary-tolerance must be from 0 to below 1")
	}
	return nil
}

// open gives the board that the flags name, looked after, or nil for none; the simulator beside it is on the kernel.
// It is to be closed.
func (f boardFlags) open(ctx context.Context, log *slog.Logger, watcher board.Watcher, kernel string) (*board.Supervisor, error) {
	if !f.given() {
		return nil, nil
	}
	o, err := f.boardOptions()
	if err != nil {
		return nil, err
	}
	o.Kernel, o.Log, o.Watcher = kernel, log, watcher
	return board.New(ctx, o)
}

// boardOptions are what the flags say of the board.
func (f boardFlags) boardOptions() (board.Options, error) {
	o, err := f.configure()
	if err != nil {
		return o, err
	}
	o.Fallback, o.Queue, o.Timeout, o.StartTimeout = f.BoardFallback, f.BoardQueue, f.BoardTimeout, f.BoardStartTimeout
	o.Silence, o.Failures, o.Retry, o.Canary, o.Tolerance = f.BoardSilence, f.BoardFailures, f.BoardRetry, f.BoardCanary, f.BoardCanaryTolerance
	if o.Queue == 0 {
		o.Queue = -1
	}
	if o.Canary == 0 {
		o.Canary = -1
	}
	if o.CanaryAnswers, o.Check = f.BoardCanaryAnswers, f.BoardCheck; o.CanaryAnswers == 0 {
		o.CanaryAnswers = -1
	}
	if o.Check == 0 {
		o.Check = -1
	}
	return o, nil
}

// standIn gives a server that shares its board host with others a key of its own, by which it takes the board over from
// itself when it comes back after a crash: no two servers of a machine's name have one address. On any free port it has none.
func (f *boardFlags) standIn(addr string) {
	_, port, err := net.SplitHostPort(addr)
	host, unnamed := os.Hostname()
	if f.Board != "remote" || f.BoardOption["key"] != "" || err != nil || port == "0" || unnamed != nil {
		return
	}
	f.BoardOption = maps.Clone(f.BoardOption)
	f.BoardOption["key"] = strings.Join([]string{"spikeray serve", host, addr}, " ")
}

// openForFiles is open for commands that work on as many files at a time as there are cores, and tell nobody else.
func (f boardFlags) openForFiles(ctx context.Context, std *streams, kernel string) (*board.Supervisor, error) {
	f.BoardQueue = max(f.BoardQueue, runtime.GOMAXPROCS(0))
	log, err := telemetry.NewLogger(std.err, telemetry.FormatText, slog.LevelWarn)
	if err != nil {
		return nil, err
	}
	return f.open(ctx, log, nil, kernel)
}

// watcher tells the metrics of a board.
type watcher struct{ *telemetry.Board }

func (w watcher) State(s board.State) { w.Board.State(string(s)) }
func (w watcher) Failed(k board.Kind) { w.Board.Failed(string(k)) }

// watcher gives the metrics of the board that the flags name, or nil for none.
func (f boardFlags) watcher(m *telemetry.Metrics) board.Watcher {
	if f.Board == "" {
		return nil
	}
	return watcher{m.Board(f.Board, board.Words(board.States), board.Words(board.Kinds))}
}

// placer is a back end that places a network and goes no further.
type placer struct {
	board  hw.Board
	placed hw.Placement
}

func (p *placer) Name() string { return p.board.Name() }

func (p *placer) Compile(ctx context.Context, n *spike.Network) (_ spike.Runner, err error) {
	p.placed, err = p.board.Place(ctx, n)
	return nil, err
}

// printReport says what a network loses on a board, and what it takes of it.
func printReport(w io.Writer, r hw.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	exact := "its spikes are the simulator's as long as no state saturates"
	if !r.Exact {
		exact = "its numbers are rounded for the board, and its spikes may differ from the simulator's"
	}
	fmt.Fprintf(w, "fits %s: %s\n\n", r.Board, exact)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "layer\tneurons\tweights\trounded\tclipped\tworst, steps\tscale\tthreshold\ton the board\treach\tsynapses\tcores")
	for _, l := range r.Layers {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%.3g\t%.4g\t%.6g\t%.6g\t%.2f\t%d\t%d\n", l.Layer, l.NeuronCount, l.Weights, l.RoundedWeights,
			l.ClippedWeights, max(l.WeightError, l.BiasError), l.Scale, l.Threshold, l.BoardThreshold, l.Reach, l.Synapses, l.Cores)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, s := range r.Resources {
		of := ""
		if s.Available > 0 {
			of = fmt.Sprintf(" of %d", s.Available)
		}
		fmt.Fprintf(w, "%s: %d%s\n", s.Name, s.Used, of)
	}
	_, err := fmt.Fprintln(w, "\nA reach above 1 says that some input could saturate a state; answers then warn of it.")
	return err
}
