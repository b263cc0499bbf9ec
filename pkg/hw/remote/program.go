package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// program is a network that the host has accepted. Loading sees that it is still there.
type program struct {
	board  *board
	net    *spike.Network
	stages []hw.Stage
	shapes []spike.Shape
	output spike.Shape
	layers []layerOutput
	file   []byte
	digest string
	model  string // the host's name for it
	report hw.Report
}

// layerOutput is a layer of neurons.
type layerOutput struct {
	neurons *spike.Neurons
	shape   spike.Shape
}

func (p *program) Report() hw.Report { return p.report }

func (p *program) Load(ctx context.Context) (hw.Program, error) {
	free, err := p.board.take(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	_, err = p.verify(ctx)
	if p.forgotten(err) {
		err = p.restore(ctx)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *program) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	stats, _, err := p.Measure(ctx, in, out, opt)
	return stats, err
}

// Measure has the host run the whole train, and then calls OnStep for each step.
func (p *program) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (stats spike.Stats, seen hw.Telemetry, err error) {
	if err := p.board.alive(ctx); err != nil {
		return stats, seen, err
	}
	passes, err := p.passes(in, out)
	if err != nil || passes == 0 {
		return stats, seen, err
	}
	r, err := p.infer(ctx, in, passes, opt.Recorder != nil)
	if err != nil {
		return stats, seen, err
	}
	trains, operations, err := p.trains(r, passes, opt.Recorder != nil)
	if err != nil {
		return stats, seen, err
	}
	if stats, seen, err = p.telemetry(r.Parameters); err != nil {
		return stats, seen, err
	}
	for _, l := range p.layers {
		stats.NeuronSteps += uint64(passes * l.shape.Len())
	}
	copy(out.Counts, trains[0])
	return stats, seen, p.tell(ctx, out, passes, trains[1:], operations, opt)
}

// passes is the maps that a run takes through the network: steps, or along rows one.
func (p *program) passes(in, out spike.Train) (int, error) {
	if p.net.Axis == spike.Steps {
		return hw.CheckTrains(p.net, p.output, in, out)
	}
	if in.Shape != p.net.Input || len(in.Counts) != p.net.Input.Len() || len(out.Counts) != p.output.Len() {
		return 0, fmt.Errorf("remote: %d counts of shape %v in and %d out do not fit the network", len(in.Counts), in.Shape, len(out.Counts))
	}
	return 1, nil
}

// tensorShape of a train.
func (p *program) tensorShape(s spike.Shape, passes int) []int {
	if p.net.Axis == spike.Steps {
		return []int{passes, s.H, s.W, s.C}
	}
	return []int{s.H, s.W, s.C}
}

func (p *program) infer(ctx context.Context, in spike.Train, passes int, record bool) (*oip.InferResponse, error) {
	b := p.board
	binary := oip.Parameters{"binary_data": true}
	req := oip.InferRequest{
		Parameters: b.parameters(nil),
		Inputs:     []oip.Tensor{{Name: "in", Datatype: oip.Uint8, Shape: p.tensorShape(p.net.Input, passes), Data: in.Counts}},
		Outputs:    []oip.RequestedOutput{{Name: "out", Parameters: binary}},
	}
	most := maxObject + passes*p.output.Len()
	if record {
		for _, l := range p.layers {
			req.Outputs = append(req.Outputs, oip.RequestedOutput{Name: "layer/" + l.neurons.LayerName, Parameters: binary})
			most += passes * l.shape.Len()
		}
	}
	body, header, err := req.Encode()
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	free, err := b.take(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	ask := func() ([]byte, string, error) {
		return b.ask(ctx, http.MethodPost, "/v2/models/"+url.PathEscape(p.model)+"/infer", body, header, most)
	}
	answer, length, err := ask()
	if p.forgotten(err) {
		if err = p.restore(ctx); err == nil {
			answer, length, err = ask()
		}
	}
	if err != nil {
		return nil, err
	}
	r, err := oip.DecodeResponse(answer, length, oip.Limits{JSON: maxObject})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if r.ModelName != p.model {
		return nil, wrong("it is from model %.80q, expected %q", r.ModelName, p.model)
	}
	return r, p.same(r.Parameters)
}

// trains takes the output and, if they were asked for, the layers' spikes and synaptic operations from an answer.
func (p *program) trains(r *oip.InferResponse, passes int, record bool) (trains [][]byte, operations []uint64, err error) {
	take := func(name string, s spike.Shape, d spike.Dynamics) (*oip.Tensor, error) {
		i := slices.IndexFunc(r.Outputs, func(t oip.Tensor) bool { return t.Name == name })
		if i < 0 {
			return nil, wrong("it has no tensor %q", name)
		}
		t := &r.Outputs[i]
		if want := p.tensorShape(s, passes); t.Datatype != oip.Uint8 || !slices.Equal(t.Shape, want) {
			return nil, wrong("tensor %q is %s of shape %v, expected %s of shape %v", name, t.Datatype, t.Shape, oip.Uint8, want)
		}
		if d != spike.SpikingReLU {
			if n := slices.Max(t.Data); n > 1 {
				return nil, wrong("tensor %q has %d spikes of one neuron in one step, must be at most 1", name, n)
			}
		}
		return t, nil
	}
	last := p.layers[len(p.layers)-1].neurons
	t, err := take("out", p.output, last.Dynamics)
	if err != nil {
		return nil, nil, err
	}
	trains = append(trains, t.Data)
	if !record {
		return trains, nil, nil
	}
	for _, l := range p.layers {
		t, err := take("layer/"+l.neurons.LayerName, l.shape, l.neurons.Dynamics)
		if err != nil {
			return nil, nil, err
		}
		n, err := count(t.Parameters, "synaptic_operations")
		if err != nil {
			return nil, nil, err
		}
		trains, operations = append(trains, t.Data), append(operations, n)
	}
	return trains, operations, nil
}

func count(p oip.Parameters, name string) (uint64, error) {
	n, ok, err := p.Int(name)
	if err != nil || !ok || n < 0 {
		return 0, wrong("parameter %s: %v is not a count", name, p[name])
	}
	return uint64(n), nil
}

func (p *program) telemetry(parameters oip.Parameters) (stats spike.Stats, seen hw.Telemetry, err error) {
	var steps uint64
	for name, to := range map[string]*uint64{
		"spikes": &stats.Spikes, "synaptic_operations": &stats.SynapticOperations, "clipped": &stats.Clipped,
		"board_steps": &steps, "saturated": &seen.Saturated,
	} {
		if *to, err = count(parameters, name); err != nil {
			return stats, seen, err
		}
	}
	stats.Saturated = seen.Saturated
	if seen.BoardSteps = int(steps); steps > 1<<31 {
		return stats, seen, wrong("%d steps on the board", steps)
	}
	energy, measured, err := parameters.Float("energy_joules")
	if err != nil || energy < 0 {
		return stats, seen, wrong("parameter energy_joules: %v", parameters["energy_joules"])
	}
	if measured {
		seen.Energy = &energy
	}
	ns, timed, err := parameters.Int("device_time_ns")
	if err != nil || ns < 0 {
		return stats, seen, wrong("parameter device_time_ns: %v", parameters["device_time_ns"])
	}
	if timed {
		d := time.Duration(ns)
		seen.DeviceTime = &d
	}
	if (measured || timed) && p.board.can.Fidelity != hw.Silicon {
		return stats, seen, wrong("it reports energy or device time, but the board's fidelity is %s, not silicon", p.board.can.Fidelity)
	}
	return stats, seen, nil
}

// tell passes the steps on to those who asked, until the context ends or one of them has enough.
func (p *program) tell(ctx context.Context, out spike.Train, passes int, layers [][]byte, operations []uint64, opt spike.RunOptions) error {
	for step := range passes {
		if err := p.board.alive(ctx); err != nil {
			return err
		}
		for i, train := range layers {
			s := p.layers[i].shape
			opt.Recorder.Observe(p.layers[i].neurons.LayerName, p.net.Axis, s, train[step*s.Len():][:s.Len()], operations[i])
			operations[i] = 0
		}
		if opt.OnStep != nil && p.net.Axis == spike.Steps {
			if err := opt.OnStep(step, out.Counts[step*p.output.Len():][:p.output.Len()]); err != nil {
				return err
			}
		}
	}
	return nil
}
