package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/outbox"
)

type outboxCommand struct {
	List  outboxListCommand  `cmd:"" help:"List what waits in an outbox, has failed or is damaged."`
	Retry outboxRetryCommand `cmd:"" help:"Have results that failed tried again, by the running server or the next one."`
	Drop  outboxDropCommand  `cmd:"" help:"Remove results from an outbox. They are never delivered then."`
}

// outboxFlag names an outbox.
type outboxFlag struct {
	Outbox string `placeholder:"FOLDER" help:"The server's folder for results, as serve was given it."`
}

// folder is the folder that the flag or its variable names.
func (f outboxFlag) folder() (string, error) {
	if f.Outbox == "" {
		return "", errors.New("--outbox is missing: the server's folder for results")
	}
	return f.Outbox, nil
}

type outboxListCommand struct {
	outboxFlag
	JSON bool `help:"Print JSON."`
}

// Run lists an outbox. A server may run on it.
func (c outboxListCommand) Run(std *streams) error {
	dir, err := c.folder()
	if err != nil {
		return err
	}
	list, err := outbox.List(dir)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		if list == nil {
			list = []outbox.Listed{}
		}
		return e.Encode(list)
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, l := range list {
		age := ""
		if !l.At.IsZero() {
			age = time.Since(l.At).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d bytes\t%s\t%d tries\t%s\n", l.Item, l.State, l.Kind, l.Target, l.Bytes, age, l.Tries, l.Reason)
	}
	return w.Flush()
}

// outboxItems says which items of an outbox are meant.
type outboxItems struct {
	outboxFlag
	Item []string `arg:"" help:"Names of results, as list prints them, or all: all that failed."`
}

// each does something with each item that is meant, and goes on after one that fails.
func (c outboxItems) each(do func(dir, item string) error) error {
	dir, err := c.folder()
	if err != nil {
		return err
	}
	items := c.Item
	if slices.Equal(items, []string{"all"}) {
		items = nil
		list, err := outbox.List(dir)
		if err != nil {
			return err
		}
		for _, l := range list {
			if l.State == outbox.StateFailed {
				items = append(items, l.Item)
			}
		}
	}
	var errs []error
	for _, item := range items {
		errs = append(errs, do(dir, item))
	}
	return errors.Join(errs...)
}

type outboxRetryCommand struct{ outboxItems }

// Run has results tried again.
func (c outboxRetryCommand) Run() error { return c.each(outbox.Retry) }

type outboxDropCommand struct{ outboxItems }

// Run removes results.
func (c outboxDropCommand) Run() error { return c.each(outbox.Drop) }
