package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestKernelIsAFlagAndAVariable(t *testing.T) {
	for _, name := range kernel.Available() {
		if r := spikeray(t, nil, "--kernel", name, "model", "show", models.Default); r.status != 0 || !strings.Contains(r.out, "on simulator ("+name+")") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	const refusal = `spikeray: --kernel: kernel: no such processor tier here: "abacus", must be one of `
	if r := spikeray(t, nil, "--kernel=abacus", "model", "list"); r.status != 2 || r.out != "" || !strings.HasPrefix(r.err, refusal) {
		t.Errorf("%+v", r)
	}
	t.Setenv("SPIKERAY_KERNEL", "generic")
	if r := spikeray(t, nil, "model", "show", models.Default); r.status != 0 || !strings.Contains(r.out, "on simulator (generic)") {
		t.Errorf("%+v", r)
	}
	t.Setenv("SPIKERAY_KERNEL", "abacus")
	if r := spikeray(t, nil, "model", "list"); r.status != 2 || !strings.HasPrefix(r.err, refusal) {
		t.Errorf("%+v", r)
	}
}

// TestEveryCommandHandsTheKernelOn gives the commands one that they cannot have. What serve makes of it is in its first line.
func TestEveryCommandHandsTheKernelOn(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, testmodel.PNG(64, 64, 1), dir, "NORMAL", "a.png")
	write(t, testmodel.PNG(64, 64, 2), dir, "PNEUMONIA", "b.png")
	const board, fits = "--board=loihi", "--model=" + models.ForBoards
	for _, args := range [][]string{
		{"predict", picture}, {"predict", board, fits, picture},
		{"evaluate", dir}, {"evaluate", board, fits, dir},
		{"calibrate", "--out=" + filepath.Join(dir, "new.json"), dir},
		{"model", "list"}, {"model", "show", models.Default}, {"model", "check", models.Default},
		{"model", "check", board, models.ForBoards}, {"board", "selftest", board, fits},
	} {
		var c commands
		var out bytes.Buffer
		parsed, err := newParser(&c, kong.BindTo(context.Background(), (*context.Context)(nil)),
			kong.Bind(&streams{in: &out, out: &out, err: &out})).Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		err = parsed.Run(model.DecodeOptions{Kernel: "abacus"})
		if !errors.Is(err, spike.ErrKernel) {
			t.Errorf("%q: %v, want ErrKernel", args, err)
		}
		// The simulator beside a board is made before the model is opened.
		if args[1] == board && !strings.HasPrefix(err.Error(), "board: ") {
			t.Errorf("%q: %v, and the board was opened without it", args, err)
		}
	}
}
