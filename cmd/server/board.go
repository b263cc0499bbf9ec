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
	Board       string            `placeholder:"NAME" help:"Board that runs the model's spiking layers instead of the simulator: ${boards}. The model must fit the board."`
	BoardOption map[string]string `placeholder:"KEY=VALUE" help:"Option of the board, such as chip=loihi1 or url=http://HOST:PORT. Separate several with semicolons, or repeat the flag."`
}

// configure is the board's own part of the options.
func (f boardFlag) configure() (board.Options, error) {
	if f.Board == "" {
		return board.Options{}, errors.New("--board-option needs --board")
	}
	return adapters.Configure(f.Board, f.BoardOption)
}

func (f boardFlag) given() bool { return f.Board != "" || len(f.BoardOption) > 0 }

// boardFlags say which board runs the model, and what happens when it does not.
type boardFlags struct {
	boardFlag
	BoardFallback        board.Fallback `default:"off" enum:"off,start,request" placeholder:"WHEN" help:"When the simulator answers instead of the board, on the network with the board's numbers: off (never), start (until the board is first reached) or request (whenever the board does not answer). The default is ${default}."`
	BoardQueue           int            `default:"64" help:"How many runs may wait for the board. Further ones fail as busy."`
	BoardTimeout         time.Duration  `default:"10s" help:"Longest time for a run on the board."`
	BoardStartTimeout    time.Duration  `default:"1m" help:"Longest time to connect to the board, load the network and test it."`
	BoardFailures        int            `default:"3" help:"After this many failures in a row the board gets no requests until it answers a known input correctly."`
	BoardSilence         time.Duration  `placeholder:"DURATION" help:"After this long without any answer while runs are under way, the board gets no more requests, even after fewer failures than --board-failures. The default is 1.5 times --board-timeout."`
	BoardRetry           time.Duration  `default:"5s" help:"Wait before the board is then tried again. It doubles after each try, up to 16 times as long."`
	BoardCanary          time.Duration  `default:"1m" help:"How often a working board is tested with the known input; 0 for never. After a wrong answer the board stays in quarantine until SIGHUP or a restart."`
	BoardCanaryAnswers   int            `default:"100" placeholder:"N" help:"Test it also after this many answers; 0 for never. The default is ${default}."`
	BoardCheck           float64        `default:"1" placeholder:"SHARE" help:"Share of the board's answers, 0 to 1, that are computed again on the simulator, if it can run the board's network exactly. A wrong answer is not sent and puts the board into quarantine. The default is ${default}."`
	BoardCanaryTolerance float64        `default:"0" placeholder:"SHARE" help:"For a board that is not exact: share of the known input's spikes, 0 to below 1, that may be missing or extra before the answer counts as wrong. The default is ${default}."`
}

// Validate is called by kong once the flags are read.
func (f boardFlags) Validate() error {
	switch {
	case f.BoardQueue < 0 || f.BoardFailures < 1:
		return errors.New("--board-failures must be at least 1, and --board-queue at least 0")
	case f.BoardSilence < 0:
		return errors.New("--board-silence must be above 0")
	case f.BoardTimeout <= 0 || f.BoardStartTimeout <= 0 || f.BoardRetry <= 0 || f.BoardCanary < 0:
		return errors.New("--board-timeout, --board-start-timeout and --board-retry must be above 0, and --board-canary at least 0")
	case f.BoardCanaryAnswers < 0 || !(f.BoardCheck >= 0 && f.BoardCheck <= 1):
		return errors.New("--board-check must be 0 to 1, and --board-canary-answers at least 0")
	case !(f.BoardCanaryTolerance >= 0 && f.BoardCanaryTolerance < 1):
		return errors.New("--board-canary-tolerance must be at least 0 and below 1")
	}
	return nil
}

// open returns the supervisor of the board that the flags name, or nil for none. The simulator beside the board uses the
// kernel. The caller must close the supervisor.
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

// standIn sets a key for a board host from the host name and the address, so that a server that restarts after a crash can
// take its board over at once. No two servers on a machine have the same address. With port 0 there is no key.
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

// watcher updates the metrics of a board.
type watcher struct{ *telemetry.Board }

func (w watcher) State(s board.State) { w.Board.State(string(s)) }
func (w watcher) Failed(k board.Kind) { w.Board.Failed(string(k)) }

// watcher returns the watcher for the board that the flags name, or nil for none.
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

// printReport prints what precision a network loses on a board, and what resources it uses.
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
	_, err := fmt.Fprintln(w, "\nA reach above 1 means that some input could saturate a state; an answer warns when that happens.")
	return err
}
