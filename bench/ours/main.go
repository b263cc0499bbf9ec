// Command ours answers pictures with a spikeray model on command and reports how long that took, so that a harness can run
// it in turn with others. See bench/harness/contender.py for the other end of the conversation.
//
// It prints one line of JSON when it is ready. Then each line of standard input is a command:
//
//	run N      N tasks, each of -batch pictures, from the first picture on; prints the nanoseconds that they took
//	answers    every picture once; prints JSON: the probabilities and the spikes per neuron and step
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/kernel"
)

func main() {
	var c config
	flag.StringVar(&c.model, "model", "", "model `FILE`")
	flag.StringVar(&c.prepared, "prepared", "", "`FILE` of prepared pictures, one after another, 8 bits a pixel: time the network alone")
	flag.StringVar(&c.files, "files", "", "`FILE` that lists pictures, a path a line: time everything from their bytes to the answer")
	flag.IntVar(&c.batch, "batch", 1, "pictures in a task, answered on all cores")
	flag.IntVar(&c.steps, "steps", 0, "time steps of a network over steps, 0 for all of them")
	flag.StringVar(&c.kernel, "kernel", os.Getenv("SPIKERAY_KERNEL"), "processor `TIER` to compute on; the default is that of SPIKERAY_KERNEL, or the preferred one")
	version := flag.Bool("version", false, "print the processor tier and Go's version")
	flag.Parse()
	if *version {
		tier, err := kernel.Named(c.kernel)
		if err != nil {
			fmt.Fprintln(os.Stderr, "ours:", err)
			os.Exit(1)
		}
		fmt.Printf("processor tier %s of %s, %s\n", tier.Name(), strings.Join(kernel.Available(), ", "), runtime.Version())
		return
	}
	if err := run(c, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

// ready is what the first line says.
type ready struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Tier    string `json:"tier"`
	Threads int    `json:"threads"`
	Tasks   int    `json:"pictures"`
}

func run(c config, in io.Reader, out io.Writer) error {
	b, err := newBench(c)
	if err != nil {
		return err
	}
	d := b.model.Description()
	say := json.NewEncoder(out)
	if err := say.Encode(ready{
		Name: d.Name, Version: d.Version, Tier: b.model.Kernel(),
		Threads: runtime.GOMAXPROCS(0), Tasks: b.pictures(),
	}); err != nil {
		return err
	}
	commands := bufio.NewScanner(in)
	for commands.Scan() {
		command, argument, _ := strings.Cut(commands.Text(), " ")
		switch command {
		case "run":
			n, err := strconv.Atoi(argument)
			if err != nil || n < 1 {
				return fmt.Errorf("run %q: must be a number of tasks", argument)
			}
			took, err := b.run(n)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(out, took.Nanoseconds()); err != nil {
				return err
			}
		case "answers":
			a, err := b.answers()
			if err != nil {
				return err
			}
			if err := say.Encode(a); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown command %q", command)
		}
	}
	return commands.Err()
}

// run times n tasks.
func (b *bench) run(n int) (time.Duration, error) {
	began := time.Now()
	for task := range n {
		if err := b.task(task); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// errNoPictures says that neither or both kinds of pictures were given.
var errNoPictures = errors.New("give exactly one of -prepared and -files, with at least one picture in it")
