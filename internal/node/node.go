package node

import (
	"context"
	"fmt"
	"image"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/report"
)

// Node makes the objects that its targets want of each result, and puts them into the outbox. It is a [Delivery].
type Node struct {
	// Map has secondary captures show the occlusion map. Set it before the first result.
	Map bool

	box     *outbox.Outbox
	targets []target.Target
	kinds   []string // that some target wants, each once
	version string
	log     *slog.Logger
	lines   rate.Sometimes
	making  *semaphore.Weighted
}

// atOnce is how many results objects are made of at a time: those of one take some megabytes until they are in the outbox. With
// a capture in colour, they take as much as all of these together.
const atOnce = 4

// New makes a node. The version is this program's. The log gets a line now and then while nothing can be put into the outbox.
func New(box *outbox.Outbox, targets []target.Target, version string, log *slog.Logger) *Node {
	n := &Node{
		box: box, targets: targets, version: version, log: log,
		lines: rate.Sometimes{First: 1, Interval: 10 * time.Second}, making: semaphore.NewWeighted(atOnce),
	}
	for _, t := range targets {
		for _, k := range t.Kinds {
			if !slices.Contains(n.kinds, k) {
				n.kinds = append(n.kinds, k)
			}
		}
	}
	return n
}

// Pictures tells whether a target wants what needs one.
func (n *Node) Pictures() bool { return slices.ContainsFunc(n.kinds, report.NeedsPicture) }

// Maps tells whether a target wants a secondary capture, and these are to show a map.
func (n *Node) Maps() bool { return n.Map && n.Pictures() }

// Deliver makes the objects and puts them all into the outbox. Its errors are those of [report.Make], which say that the film
// cannot be reported on, those of [outbox.Outbox.Put], and the context's cause.
func (n *Node) Deliver(ctx context.Context, r Result) error {
	share := int64(1)
	if r.Evidence != nil {
		share = atOnce
	}
	if err := n.making.Acquire(ctx, share); err != nil {
		return context.Cause(ctx)
	}
	defer n.making.Release(share)
	in := Input(r, n.version)
	made := make(map[string]report.Object, len(n.kinds))
	for _, k := range n.kinds {
		o, err := report.Make(k, in)
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		made[k] = o
	}
	var items []outbox.Item
	for _, t := range n.targets {
		for _, k := range t.Kinds {
			o := made[k]
			items = append(items, outbox.Item{Target: t.Name, Kind: k, MediaType: o.MediaType, Object: object(o, in), Data: o.Body})
		}
	}
	err := n.box.Put(items...)
	if err != nil {
		n.lines.Do(func() { n.log.Error("results cannot be put into the outbox; their films are not taken", "error", err) })
	}
	return err
}

// Input is what result objects of a result are made of.
func Input(r Result, version string) report.Input {
	in := report.Input{Answer: r.Answer, Positive: r.Positive, ID: r.ID, At: r.At, Version: version}
	if r.Picture != nil {
		in.Picture = image.Image(r.Picture)
		draw(&in, r)
	}
	if r.Film == nil {
		return in
	}
	in.Film, in.Syntax = r.Film.Dataset, r.Film.Syntax
	if a := r.Answer.DICOM; a != nil && a.Orientation > 1 { // it was turned to be so
		in.Orientation = `L\F`
	}
	return in
}

// object identifies a result object: DICOM's have a UID, and others are what the same decision on the same film makes.
func object(o report.Object, in report.Input) string {
	if o.SOPInstance != "" {
		return o.SOPInstance
	}
	a := in.Answer
	parts := []string{o.Kind, in.Film.String(dicom.SOPInstanceUID), a.Model.Digest, "", "", ""}
	if a.OperatingPoint != nil {
		parts[3] = *a.OperatingPoint
	}
	if a.Threshold != nil {
		parts[4] = strconv.FormatFloat(*a.Threshold, 'g', -1, 64)
	}
	if a.Calibration != nil {
		parts[5] = a.Calibration.Digest
	}
	return strings.Join(parts, "\x00")
}
