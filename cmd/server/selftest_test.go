package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestSelftestOfTheEmulator(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	for model, numbers := range map[string]string{file: "with the board's numbers", "../../models/spikeray-board.safetensors": "the model's network"} {
		r := spikeray(t, nil, "board", "selftest", "--board=loihi", "--model="+model)
		for _, want := range []string{"exact_emulator", "fits loihi", numbers, "canary again", "silence", "every spike is the simulator's"} {
			if r.status != 0 || !strings.Contains(r.out, want) {
				t.Errorf("%s: %q is not there: %+v", model, want, r)
			}
		}
	}
	r := spikeray(t, nil, "board", "selftest", "--board=loihi", "--json", "--model="+file)
	var got board.SelfTest
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.status != 0 || !got.Passed || got.Reference != board.Rounded || got.Trials[0].Answer.Want == 0 ||
		strings.Contains(r.out, "energy") || strings.Contains(r.out, "device_time") {
		t.Errorf("%v: %+v", err, r)
	}
	for args, status := range map[string]int{
		"": 1, "--board=none": 1, "--board=loihi --model=snnxray": 1, "--board=loihi --model=cnnxray": 1, "--board=loihi --board-timeout=0s": 2,
		"--board=remote --board-option=url=http://127.0.0.1:1": 1,
	} {
		if r := spikeray(t, nil, append([]string{"board", "selftest"}, strings.Fields(args)...)...); r.status != status || r.err == "" || r.out != "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestSelftestOfAHost has an exact host whose answers are spoilt on their way, and one that rounds sums in its own order.
func TestSelftestOfAHost(t *testing.T) {
	t.Parallel()
	_, addr := boardhost(t, simulatorHost(t), "127.0.0.1:0")
	between := spoil(t, addr)
	selftest := func(model string) ran {
		return spikeray(t, nil, "board", "selftest", "--board=remote", "--board-option=url="+between.URL, "--model="+model)
	}
	exact := "../../models/spikeray-board.safetensors"
	if r := selftest(exact); r.status != 0 || !strings.Contains(r.out, "every spike is the simulator's") {
		t.Errorf("%+v", r)
	}
	between.fault.Store("wrong")
	if r := selftest(exact); r.status != 1 || !strings.Contains(r.out, "The board should be exact, but") || !strings.Contains(r.err, "should be exact, but its spikes differ") {
		t.Errorf("%+v", r)
	}
	between.fault.Store("garbage")
	if r := selftest(exact); r.status != 1 || !strings.Contains(r.out, "No input was run") || !strings.Contains(r.err, "canary") {
		t.Errorf("%+v", r)
	}
	between.fault.Store("")
	mine := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	if r := selftest(mine); r.status != 0 || !strings.Contains(r.out, "The board is approximate: 0.0000") {
		t.Errorf("%+v", r)
	}
}
