package spike

import (
	"errors"
	"fmt"
)

// Axis says what a network's time runs along.
type Axis string

const (
	// Rows: the rows of a feature map are the steps, from the top. One picture is one sequence.
	Rows Axis = "rows"
	// Steps: the still picture is shown for a number of steps, and the state is carried from one to the next.
	Steps Axis = "steps"
)

// MaxSteps is the most steps that a picture is shown for.
const MaxSteps = 64

// ErrNetwork is wrapped by every error that says a network does not fit together.
var ErrNetwork = errors.New("spike: network does not fit together")

// Network is the spiking body of a model: spikes in, spikes out, a chain of layers.
type Network struct {
	Axis  Axis
	Steps int // 1 to MaxSteps for the axis Steps, 0 for Rows
	// Exact asks floating-point layers, too, for the same bits on every processor, at the price of speed.
	// Whole-number layers have them anyway.
	Exact bool
	// Source is the layer whose spikes are the input, and Input is the shape of a map of them. The host runs the source
	// ([Simulator.Population]); the network needs it to know what a spike stands for.
	Source *Neurons
	Input  Shape
	Layers []Layer
}

// Layer is one of *Conv2D, *Dense, *MaxPool2D, *Flatten, *Neurons.
type Layer interface {
	Name() string
	// output gives the shape that the layer makes of a map, or says why it cannot.
	output(in Shape) (Shape, error)
}

// Conv2D is a convolution (cross-correlation) with weights [KH][KW][in][Channels].
type Conv2D struct {
	LayerName string
	Kernel    [2]int // KH, KW
	Stride    [2]int
	Same      bool // TensorFlow's padding "same"; otherwise "valid"
	Channels  int
	Weights
}

// Dense is a fully connected layer with weights [in][Units]; its input is a map of 1x1xC.
type Dense struct {
	LayerName string
	Units     int
	Weights
}

// Weights are the weights of a layer: either Float32, or Int8 with a Scale.
//
// With whole-number weights the current of output o is float32(sum)*Scale[o] + Bias[o], where the sum over counts times
// weights is exact: the same bits on every processor. The scale includes the value that a spike stands for.
type Weights struct {
	Float32 []float32
	Int8    []int8
	Scale   []float32 // [outputs], with Int8 only
	Bias    []float32 // [outputs], or nil
}

// Len is the number of weights and biases.
func (w *Weights) Len() int { return len(w.Float32) + len(w.Int8) + len(w.Bias) }

func (w *Weights) check(in, out int) error {
	if len(w.Float32)+len(w.Int8) != in*out || w.Float32 != nil && w.Int8 != nil {
		return fmt.Errorf("%d weights, expected %d x %d", len(w.Float32)+len(w.Int8), in, out)
	}
	if w.Int8 != nil && len(w.Scale) != out || w.Int8 == nil && w.Scale != nil {
		return fmt.Errorf("%d scales, expected %d with whole-number weights and none without", len(w.Scale), out)
	}
	if w.Bias != nil && len(w.Bias) != out {
		return fmt.Errorf("%d biases, expected %d", len(w.Bias), out)
	}
	return nil
}

// MaxPool2D takes the largest count of each window. Windows that reach beyond the map are left out.
type MaxPool2D struct {
	LayerName string
	Pool      [2]int
	Stride    [2]int
}

// Flatten turns a map [H][W][C] into [1][1][H*W*C].
type Flatten struct{ LayerName string }

// Name of the layer.
func (l *Conv2D) Name() string { return l.LayerName }

// Name of the layer.
func (l *Dense) Name() string { return l.LayerName }

// Name of the layer.
func (l *MaxPool2D) Name() string { return l.LayerName }

// Name of the layer.
func (l *Flatten) Name() string { return l.LayerName }

func (l *Conv2D) output(in Shape) (Shape, error) {
	w, err := l.window(in)
	if err != nil {
		return in, err
	}
	return Shape(w.Out), l.check(w.KH*w.KW*in.C, l.Channels)
}

func (l *Dense) output(in Shape) (Shape, error) {
	if in.H != 1 || in.W != 1 {
		return in, fmt.Errorf("a dense layer takes a flat input, not %dx%dx%d", in.H, in.W, in.C)
	}
	return Shape{H: 1, W: 1, C: l.Units}, l.check(in.C, l.Units)
}

func (l *MaxPool2D) output(in Shape) (Shape, error) {
	w, err := l.window(in)
	return Shape(w.Out), err
}

func (l *Flatten) output(in Shape) (Shape, error) { return Shape{H: 1, W: 1, C: in.Len()}, nil }

// Shapes returns the shape of the map after each layer, or an error that wraps ErrNetwork and names the layer.
func (n *Network) Shapes() ([]Shape, error) {
	fail := func(format string, args ...any) ([]Shape, error) {
		return nil, fmt.Errorf("%w: %s", ErrNetwork, fmt.Sprintf(format, args...))
	}
	switch {
	case n.Axis != Rows && n.Axis != Steps:
		return fail("axis %q is unknown", n.Axis)
	case n.Axis == Steps && (n.Steps < 1 || n.Steps > MaxSteps):
		return fail("%d steps, must be 1 to %d", n.Steps, MaxSteps)
	case n.Axis == Rows && n.Steps != 0:
		return fail("a network with time along rows takes no number of steps")
	case n.Source == nil:
		return fail("no source")
	case min(n.Input.H, n.Input.W, n.Input.C) < 1:
		return fail("the input is %dx%dx%d, each side must be at least 1", n.Input.H, n.Input.W, n.Input.C)
	}
	if _, err := n.Source.output(n.Input); err != nil {
		return fail("layer %q: %v", n.Source.Name(), err)
	}
	shapes := make([]Shape, len(n.Layers))
	shape, current := n.Input, false // current: a weighted layer has made a current that no neuron has taken yet
	for i, l := range n.Layers {
		var err error
		if shape, err = l.output(shape); err != nil {
			return fail("layer %q: %v", l.Name(), err)
		}
		switch l.(type) {
		case *Conv2D, *Dense:
			if current {
				return fail("layer %q: two weighted layers without neurons between them", l.Name())
			}
			current = true
		case *Neurons:
			if !current {
				return fail("layer %q: neurons without a weighted layer before them", l.Name())
			}
			current = false
		case *MaxPool2D, *Flatten:
			if current {
				return fail("layer %q: it is between a weighted layer and its neurons", l.Name())
			}
		}
		shapes[i] = shape
	}
	if current {
		return fail("the last weighted layer has no neurons")
	}
	return shapes, nil
}
