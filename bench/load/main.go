// Command load asks a prediction service about pictures over a fixed number of connections that stay open, a fixed
// number of times, and prints what it saw as one line of JSON. It speaks to any service that takes the raw picture by
// POST and answers JSON with a "probability"; any other answer ends the run.
//
// The client is lean: it sends prepared requests over a socket, because it shares the processor with the service.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	var (
		target      = flag.String("url", "", "where to POST, `http://HOST:PORT/PATH`")
		files       = flag.String("files", "", "`FILE` that lists the pictures, a path a line")
		connections = flag.Int("connections", 1, "connections, each with one request at a time")
		requests    = flag.Int("requests", 100, "requests in all; the pictures are sent in their order, again and again")
		warmup      = flag.Int("warmup", 0, "warm-up requests, which are not counted")
		timeout     = flag.Duration("timeout", 30*time.Second, "longest time for one answer")
	)
	flag.Parse()
	if err := run(*target, *files, *connections, *warmup, *requests, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(target, list string, connections, warmup, requests int, timeout time.Duration) error {
	if connections < 1 || requests < 1 {
		return fmt.Errorf("%d connections and %d requests, must be at least one of each", connections, requests)
	}
	pictures, err := readPictures(list)
	if err != nil {
		return err
	}
	s, err := newService(target, pictures, timeout)
	if err != nil {
		return err
	}
	if warmup > 0 {
		if _, err := s.ask(connections, warmup); err != nil {
			return err
		}
	}
	r, err := s.ask(connections, requests)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r.summary())
}

func readPictures(list string) ([][]byte, error) {
	names, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var pictures [][]byte
	for name := range strings.Lines(string(names)) {
		data, err := os.ReadFile(strings.TrimSuffix(name, "\n"))
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, data)
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("%s lists no pictures", list)
	}
	return pictures, nil
}
