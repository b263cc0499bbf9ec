package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spikeray/spikeray/internal/access"
)

type keyCommand struct {
	New  keyNewCommand  `cmd:"" help:"Make a key: print it once, and its line."`
	Hash keyHashCommand `cmd:"" help:"Print the line of a key that is there already, which standard input has."`
}

// keyFlags say what a key is good for.
type keyFlags struct {
	Name  string      `arg:"" help:"Name of the key's holder, for logs: up to 64 letters, digits, dots, dashes and underscores."`
	Scope []string    `placeholder:"SCOPE" help:"What it allows: of ${scopes}, with commas between them. The default is predict, explain, dicom-web."`
	Rate  access.Rate `placeholder:"N/s" help:"How many requests it may bring in a second, minute or hour, as in 10/s, 600/m or 1000/h. The default is that of serve --caller-rate."`
}

// entry is the line of a key.
func (f keyFlags) entry(key string) (access.Entry, error) {
	e := access.Entry{Name: f.Name, Hash: access.HashOf(key), Rate: f.Rate}
	if err := access.CheckName(f.Name); err != nil {
		return e, err
	}
	if len(f.Scope) > 0 {
		var err error
		if e.Scopes, err = access.ParseScopes(strings.Join(f.Scope, ",")); err != nil {
			return e, fmt.Errorf("--scope: %w", err)
		}
	}
	return e, nil
}

type keyNewCommand struct{ keyFlags }

// Run prints the key, which is kept nowhere, and its line.
func (c keyNewCommand) Run(std *streams) error {
	key := access.NewKey()
	e, err := c.entry(key)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(std.out, "%s\n%s\n", key, e); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.err, "The first line is the key: give it to its holder, it is kept nowhere. The second is for the file of --api-keys.")
	return err
}

type keyHashCommand struct{ keyFlags }

// Run reads a key from standard input, where no list of processes shows it.
func (c keyHashCommand) Run(std *streams) error {
	line, err := bufio.NewReader(io.LimitReader(std.in, 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	key := strings.TrimRight(line, "\r\n")
	if err := access.CheckKey(key); err != nil {
		return err
	}
	e, err := c.entry(key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, e)
	return err
}
