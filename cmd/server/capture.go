package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/report"
)

// captureFlags say what the secondary captures show that systems of a hospital get.
type captureFlags struct {
	SendMap bool `name:"send-map" help:"Have secondary captures (sc) of --send show over the film, in colour, how the answer changes when a part of it is hidden (occlusion), and say above it that this is no localisation of disease. The network then runs 65 times for each film."`
}

// validate refuses the flag where nothing would show the map.
func (f captureFlags) validate(h *hospitalFlags) error {
	targets, err := h.targets()
	if err != nil || !f.SendMap { // the error is told by the other flags
		return nil
	}
	shows := func(t target.Target) bool { return slices.ContainsFunc(t.Kinds, report.NeedsPicture) }
	if slices.ContainsFunc(targets, shows) {
		return nil
	}
	return errors.New("--send-map needs --send with a system that gets secondary captures (sc), which show the map")
}

// check refuses the flag for a model that allows no such map.
func (f captureFlags) check(m *pipeline.Entry) error {
	if !f.SendMap {
		return nil
	}
	if err := evidence.CheckOcclusion(m.Model, node.Explanation(0)); err != nil {
		return fmt.Errorf("--send-map: %s: %w", m.Name(), err)
	}
	return nil
}
