package model

import (
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// network is an architecture's layers with their weights, in the three parts of docs/MODEL_FILE.md.
type network struct {
	axis    spike.Axis // "" without neurons
	steps   int        // of the axis steps, otherwise 0
	window  *Window    // nil without
	scale   float32    // a pixel is divided by it
	front   *analog
	encoder *spike.Population // nil without neurons: then the front is the whole network but the softmax
	driver  *kernel.Driver    // of the encoder, or nil
	shower  *kernel.Shower    // likewise
	body    *spike.Network
	last    *spike.Neurons // whose spikes the read-out takes
	bodyOut spike.Shape
	readout *analog
	neurons int // over all layers, each once
}

// maxPixel is the largest pixel, and the largest count of spikes.
const maxPixel = kernel.MaxCount

// maxTrainBytes bounds the spikes between two parts: steps times a feature map.
const maxTrainBytes = 1 << 26

// build makes a file's networks: the model's own and its gate, nil without one.
func build(d *Description, c *container, tier kernel.Tier) (own, gate *network, err error) {
	b := builder{c: c, tier: tier}
	if own, err = b.build(d.architecture()); err != nil {
		return nil, nil, err
	}
	own.window = d.Preparation.Window
	if d.Gate != nil {
		if gate, err = b.build(d.Gate.architecture()); err != nil {
			return nil, nil, within("gate", err)
		}
	}
	for name := range c.tensors {
		return nil, nil, formatError("tensor "+name[:min(len(name), 80)], "belongs to no layer")
	}
	return own, gate, nil
}

// parts are an architecture's layers, cut where what runs them changes. The softmax at the end is none of them.
type parts struct {
	front   []placed // computed with real numbers, or from the picture's bytes
	encoder []placed // the first neurons, and the poolings right behind them; none without neurons
	body    []placed // up to the last neurons, and the poolings right behind them
	readout []placed // real numbers again
}

// placed is a layer with its place in the file, which errors name.
type placed struct {
	i int
	*Layer
}

// divide cuts an architecture's layers into the parts of docs/MODEL_FILE.md.
func divide(a architecture) (p parts, err error) {
	layers := make([]placed, len(a.layers))
	for i := range a.layers {
		layers[i] = placed{i, &a.layers[i]}
	}
	isNeurons := func(l placed) bool { return l.Type == "neurons" }
	isSoftmax := func(l placed) bool { return l.Type == "softmax" }
	isOther := func(l placed) bool { return l.Type != "max_pool2d" }
	last := len(layers) - 1
	switch i := slices.IndexFunc(layers, isSoftmax); {
	case i < 0:
		return p, formatError("layers", "the last layer must be a softmax")
	case i < last:
		return p, layerError(i, layers[i].Layer, "type", "softmax must be the last layer, over as many units as there are labels")
	}
	layers = layers[:last]
	first := slices.IndexFunc(layers, isNeurons)
	if (first >= 0) != (a.time != nil) {
		return p, formatError("time", "must be present if and only if the network has neurons")
	}
	if first < 0 {
		p.front = layers
		return p, nil
	}
	// until is where the poolings from i on end.
	until := func(i int) int {
		if n := slices.IndexFunc(layers[i:], isOther); n >= 0 {
			return i + n
		}
		return len(layers)
	}
	body := until(first + 1)
	end := body
	for i := len(layers) - 1; i >= body; i-- {
		if isNeurons(layers[i]) {
			end = until(i + 1)
			break
		}
	}
	return parts{layers[:first], layers[first:body], layers[body:end], layers[end:]}, nil
}

// checkForms refuses a layer that takes a map where a vector comes in, or a vector where a map does. The rows of a map are the steps of a
// network along rows.
func checkForms(a architecture) error {
	flat := false // a vector, not a map
	for i := range a.layers {
		l := &a.layers[i]
		switch l.Type {
		case "dense", "softmax":
			if !flat {
				return layerError(i, l, "type", "%s takes a vector: what flatten or global_average_pool2d hands on", l.Type)
			}
		case "conv2d", "max_pool2d", "average_pool2d", "global_average_pool2d":
			if flat {
				return layerError(i, l, "type", "%s takes a map, and a vector comes in", l.Type)
			}
		case "neurons":
			if flat && a.time != nil && a.time.Axis == spike.Rows {
				return layerError(i, l, "type", "the rows of a map are the steps, and a vector comes in")
			}
		}
		flat = flat || l.Type == "flatten" || l.Type == "global_average_pool2d"
	}
	return nil
}

// build makes a network of the layers and takes their weights out of the container.
func (b *builder) build(a architecture) (*network, error) {
	p, err := divide(a)
	if err != nil {
		return nil, err
	}
	if err := checkForms(a); err != nil {
		return nil, err
	}
	n := &network{scale: float32(a.scale)}
	b.network, b.reach, b.passes = n, maxPixel/float64(n.scale), 1
	// With whole-number weights anywhere, a network's answer is promised to be the same on every processor.
	b.exact = slices.ContainsFunc(a.layers, func(l Layer) bool { return l.Scale != "" })
	if n.front, err = b.chain(p.front, kernel.Shape{H: a.height, W: a.width, C: 1}, true); err != nil {
		return nil, err
	}
	logits := n.front.out
	if len(p.encoder) > 0 {
		n.axis, n.steps = a.time.Axis, a.time.Steps
		if err := b.spikes(n, p); err != nil {
			return nil, err
		}
		// Along rows the read-out takes the counts, which are whole numbers.
		if n.readout, err = b.chain(p.readout, kernel.Shape(n.bodyOut), n.axis == spike.Rows); err != nil {
			return nil, err
		}
		logits = n.readout.out
	}
	if logits.Len() != len(a.labels) {
		i := len(a.layers) - 1
		return nil, layerError(i, &a.layers[i], "type", "softmax must be the last layer, over as many units as there are labels")
	}
	return n, nil
}

// chain builds the layers of the front or of the read-out. bytes says that what comes in is whole numbers.
func (b *builder) chain(layers []placed, in kernel.Shape, bytes bool) (*analog, error) {
	chain := newAnalog(b.tier, in)
	for _, l := range layers {
		op, err := b.analog(l.i, l.Layer, in, bytes)
		if err != nil {
			return nil, err
		}
		if n := len(chain.ops); n == 0 || chain.ops[n-1].kind != "global_average_pool2d" {
			op.behindMean = nil // the kernel has its own, which may be large
		}
		bytes = bytes && op.kind == "flatten"
		chain.add(op)
		in = op.out
	}
	return chain, nil
}

// spikes builds the encoder and the body behind the front.
func (b *builder) spikes(n *network, p parts) error {
	b.passes = max(1, n.steps)
	defer func() { b.passes = 1 }()
	pools, err := b.encoder(n, p.encoder)
	if err != nil {
		return err
	}
	if err := b.body(n, p.body); err != nil {
		return err
	}
	if n.encoder, err = (spike.Simulator{Kernel: b.tier.Name()}).Population(n.body.Source, spike.Shape(n.front.out), n.axis, pools...); err != nil {
		return formatError("layers", "%v", err)
	}
	n.driver, n.shower = n.front.drive(n.body.Source, n.axis, n.steps, pools)
	if _, err := n.body.Shapes(); err != nil {
		return formatError("layers", "%v", err)
	}
	if max(n.steps, 1)*max(n.body.Input.Len(), n.bodyOut.Len()) > maxTrainBytes {
		return formatError("time.steps", "steps times spikes per step are more than %d", maxTrainBytes)
	}
	return nil
}

// encoder builds the neurons that the front drives, and begins the body behind them and their poolings, which it returns.
func (b *builder) encoder(n *network, layers []placed) (pools []*spike.MaxPool2D, err error) {
	l, shape := layers[0], spike.Shape(n.front.out)
	n.last = l.neurons()
	n.neurons = n.last.StateLen(shape, n.axis)
	n.body = &spike.Network{Axis: n.axis, Steps: n.steps, Exact: b.exact, Source: n.last, Input: shape}
	if _, err := n.body.Shapes(); err != nil { // the encoder's own fields
		return nil, layerError(l.i, l.Layer, "model", "%v", err)
	}
	if err := b.neurons(l.i, l.Layer, n.last, shape); err != nil {
		return nil, err
	}
	for _, l := range layers[1:] {
		w, err := b.window(l.i, l.Layer, l.Pool, false, kernel.Shape(n.body.Input))
		if err != nil {
			return nil, err
		}
		pools = append(pools, &spike.MaxPool2D{LayerName: l.Name, Pool: *l.Pool, Stride: *l.Stride})
		n.body.Input = spike.Shape(w.Out)
	}
	return pools, nil
}

// body builds the layers that take spikes and send them.
func (b *builder) body(n *network, layers []placed) error {
	n.bodyOut = n.body.Input
	for _, l := range layers {
		layer, out, err := b.spiking(l.i, l.Layer, n.bodyOut)
		if err != nil {
			return err
		}
		if neurons, ok := layer.(*spike.Neurons); ok {
			n.last = neurons
			n.neurons += neurons.StateLen(n.bodyOut, n.axis)
		}
		n.body.Layers = append(n.body.Layers, layer)
		n.bodyOut = out
	}
	return nil
}

// builder builds a file's networks layer by layer, and counts what they would cost together against the limits before it
// allocates for them.
type builder struct {
	c       *container
	tier    kernel.Tier
	macs    int
	network *network
	exact   bool    // the same bits on every processor from floating-point layers too
	passes  int     // how often the next layer runs for a picture
	reach   float64 // the largest magnitude of what comes into the next layer
}

// cost counts what a layer does for a picture: multiply-accumulates, or the elements that a pooling's windows look at.
func (b *builder) cost(i int, l *Layer, each int) error {
	if b.macs += each * b.passes; b.macs > maxMACs {
		return layerError(i, l, "type", "the file's networks need more than %d multiply-accumulates", maxMACs)
	}
	return nil
}

func (b *builder) window(i int, l *Layer, size *[2]int, same bool, in kernel.Shape) (kernel.Window, error) {
	channels := in.C
	if l.Type == "conv2d" {
		channels = l.Channels
	}
	stride := [2]int{1, 1}
	if l.Stride != nil {
		stride = *l.Stride
	}
	w, ok := kernel.NewWindow(in, size[0], size[1], stride[0], stride[1], same, channels)
	if !ok {
		return w, layerError(i, l, "size", "a window of %dx%d does not fit a map of %dx%d", size[0], size[1], in.H, in.W)
	}
	if w.Out.Len() > maxElements {
		return w, layerError(i, l, "size", "a map of %dx%dx%d has more than %d elements", w.Out.H, w.Out.W, w.Out.C, maxElements)
	}
	if l.Type == "conv2d" {
		return w, nil // its weights are counted
	}
	return w, b.cost(i, l, w.Out.Len()*w.KH*w.KW)
}

// weights takes a layer's tensors; shape ends in the number of outputs, uses is how often each weight is used.
func (b *builder) weights(i int, l *Layer, uses int, shape ...int) (w spike.Weights, err error) {
	size := 1
	for _, n := range shape {
		size *= n
	}
	if size > maxWeights {
		return w, layerError(i, l, "weights", "%v are more than %d", shape, maxWeights)
	}
	if err := b.cost(i, l, size*uses); err != nil {
		return w, err
	}
	out := shape[len(shape)-1]
	if l.Scale == "" {
		w.Float32, err = b.c.float32s(l.Weights, shape...)
	} else if w.Int8, err = b.c.int8s(l.Weights, shape...); err == nil {
		w.Scale, err = b.c.float32s(l.Scale, out)
	}
	if err == nil && l.Bias != "" {
		w.Bias, err = b.c.float32s(l.Bias, out)
	}
	if err != nil {
		return w, err
	}
	in := b.reach
	if l.Scale != "" { // pixels or counts as they are
		in = maxPixel
	}
	return w, b.reaching(i, l, "weights", magnitude(in, out, &w))
}

func (b *builder) conv(i int, l *Layer, in kernel.Shape) (w kernel.Window, weights spike.Weights, err error) {
	if w, err = b.window(i, l, l.Kernel, l.Padding == "same", in); err != nil {
		return
	}
	weights, err = b.weights(i, l, w.Out.H*w.Out.W, w.KH, w.KW, in.C, l.Channels)
	return
}

func (b *builder) dense(i int, l *Layer, in kernel.Shape) (weights spike.Weights, err error) {
	if in.C > maxDenseIn { // it is a vector: checkForms
		return weights, layerError(i, l, "type", "a dense layer takes a vector of at most %d values, not of %d", maxDenseIn, in.C)
	}
	return b.weights(i, l, 1, in.C, l.Units)
}

// analog builds a layer of the front or the read-out. bytes says that what reaches it is whole numbers.
func (b *builder) analog(i int, l *Layer, in kernel.Shape, bytes bool) (op analogOp, err error) {
	op = analogOp{kind: l.Type, in: in, out: in}
	if l.Scale != "" && !bytes {
		return op, layerError(i, l, "scale", "whole-number weights need whole numbers as input: the picture, or the spike counts of a network with time along rows")
	}
	var weights spike.Weights
	switch l.Type {
	case "conv2d":
		op.window, weights, err = b.conv(i, l, in)
		op.out = op.window.Out
	case "dense":
		weights, err = b.dense(i, l, in)
		op.out = kernel.Shape{H: 1, W: 1, C: l.Units}
		op.window, _ = kernel.NewWindow(in, 1, 1, 1, 1, false, l.Units)
	case "max_pool2d", "average_pool2d":
		op.window, err = b.window(i, l, l.Pool, false, in)
		op.out = op.window.Out
	case "global_average_pool2d":
		op.window, err = b.window(i, l, &[2]int{in.H, in.W}, false, in)
		op.out = op.window.Out
	case "flatten":
		op.out = kernel.Shape{H: 1, W: 1, C: in.Len()}
	}
	if err != nil {
		return op, err
	}
	op.parameters = weights.Len()
	if l.Type == "dense" {
		op.behindMean = &weights
	}
	switch {
	case weights.Int8 != nil:
		op.int8, err = b.tier.NewInt8Conv(op.window, weights.Int8, weights.Scale, weights.Bias)
	case weights.Float32 != nil && b.exact:
		op.float32, err = b.tier.NewOrderedFloat32Conv(op.window, weights.Float32, weights.Bias)
	case weights.Float32 != nil:
		op.float32, err = b.tier.NewFloat32Conv(op.window, weights.Float32, weights.Bias)
	}
	if err != nil {
		return op, layerError(i, l, "weights", "%v", err)
	}
	return op, nil
}

// spiking builds a layer of the body.
func (b *builder) spiking(i int, l *Layer, in spike.Shape) (layer spike.Layer, out spike.Shape, err error) {
	out = in
	switch l.Type {
	case "conv2d":
		var w kernel.Window
		conv := &spike.Conv2D{LayerName: l.Name, Kernel: *l.Kernel, Stride: *l.Stride, Same: l.Padding == "same", Channels: l.Channels}
		w, conv.Weights, err = b.conv(i, l, kernel.Shape(in))
		layer, out = conv, spike.Shape(w.Out)
	case "dense":
		dense := &spike.Dense{LayerName: l.Name, Units: l.Units}
		dense.Weights, err = b.dense(i, l, kernel.Shape(in))
		layer, out = dense, spike.Shape{H: 1, W: 1, C: l.Units}
	case "max_pool2d":
		var w kernel.Window
		w, err = b.window(i, l, l.Pool, false, kernel.Shape(in))
		layer, out = &spike.MaxPool2D{LayerName: l.Name, Pool: *l.Pool, Stride: *l.Stride}, spike.Shape(w.Out)
	case "flatten":
		layer, out = &spike.Flatten{LayerName: l.Name}, spike.Shape{H: 1, W: 1, C: in.Len()}
	case "neurons":
		neurons := l.neurons()
		layer, err = neurons, b.neurons(i, l, neurons, in)
	default:
		err = layerError(i, l, "type", "a layer of type %s cannot take spikes", l.Type)
	}
	return layer, out, err
}

func (l *Layer) neurons() *spike.Neurons {
	most := 0
	if l.Most != nil {
		most = *l.Most
	}
	return &spike.Neurons{
		LayerName: l.Name, Dynamics: l.Model, DT: float32(l.DT), Threshold: float32(l.Threshold), Decay: float32(l.Decay),
		Amplitude: float32(l.Amplitude), Reset: l.Reset, Most: most,
		Start: spike.Start{Kind: l.Start.Kind, Value: float32(l.Start.Value), Seed: l.Start.Seed},
	}
}

func (n *network) parameters() int {
	total := 0
	for _, a := range []*analog{n.front, n.readout} {
		if a == nil {
			continue
		}
		for _, o := range a.ops {
			total += o.parameters
		}
	}
	if n.body != nil {
		for _, l := range n.body.Layers {
			switch l := l.(type) {
			case *spike.Conv2D:
				total += l.Weights.Len()
			case *spike.Dense:
				total += l.Weights.Len()
			}
		}
	}
	return total
}
