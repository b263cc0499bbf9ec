package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// eventTier is what tells one tier's convolution over events from another's.
type eventTier struct {
	name     string // in those of functions
	sets     int    // of sums at most, each for an event
	counts   string // which ones it is exact for
	products func(free *vectors) products
}

var (
	eventsVNNI = eventTier{"VNNI", 2, "", productsVNNI}
	eventsBW   = eventTier{"BW", 1, " Counts are below 128.", productsOfSmall}
)

// rows writes a convolution over the inputs that are not silent, one function for each width in registers of 16 channels. Two
// steps of the same neurons are taken at a time, so that a weight is loaded once; the last of an odd number is one alone.
func (k *eventTier) rows() {
	for n := 1; n <= 8; n++ {
		for steps := 2; steps > 0; steps-- {
			k.row(n, steps, false)
			k.row(n, steps, true)
			if n <= widestTwo || steps == 1 {
				k.two(n, steps)
			}
		}
	}
}

// widestTwo is up to how many registers of channels two rows of outputs at two steps fit the registers.
const widestTwo = 5

const (
	listedEvents = "starts *uint32, startsRow, startsPixel int, places, first, second *uint32, "
	eventWeights = "weights *int8, weightsRow, weightsPixel, taps"
)

// names are those of row, with currents and with spikes.
func (k *eventTier) names(n, steps int) (row, fire string) {
	of := fmt.Sprintf("%s%d", k.name, n)
	if steps == 1 {
		of = "Once" + of
	}
	return "eventRow" + of, "eventFire" + of
}

// row is a row of outputs of n registers of channels, at one step or two. With few registers, events may be taken two at a time into sums
// of their own, where an addition takes longer to finish than the next one may start; the last of an odd number meets zeros.
//
// It leaves the currents, or, fires, the spikes of graded neurons that start the first step with the same voltage each.
func (k *eventTier) row(n, steps int, fires bool) {
	const events = listedEvents + "zero int, " + eventWeights + ", rows int, scale, bias *float32, pixels int, tail uint32"
	row, fire := k.names(n, steps)
	if fires {
		TEXT(fire, NOSPLIT, "func(dst, dst2 *uint8, dstStride int, "+events+", start, decay, most float32) (spikes uint64)")
	} else {
		TEXT(row, NOSPLIT, "func(dst, dst2 *float32, dstStride int, "+events+")")
	}
	switch twoSteps, twoFire := k.names(n, 2); {
	case steps == 1 && fires:
		Doc(fire + " is " + twoFire + " for the first of the two steps alone. What is of the second is not used, nor is decay.")
	case steps == 1:
		Doc(row + " is " + twoSteps + " for the first of the two steps alone. What is of the second is not used.")
	case fires:
		Doc(fire + " is " + row + " with the neurons behind it, as Graded has them: start is the voltage, decayed, that the first current is added to. It writes their counts and returns the sum.")
	default:
		Doc(fmt.Sprintf("%s computes a row of up to %d channels at two steps from the events under its windows, which are taps columns wide. An event's weights are at its place,", row, 16*n),
			"which is so much further for every pixel as weightsPixel. Strides are in bytes; zero is an event without counts; tail is the mask of the last 16 channels."+k.counts)
	}
	Pragma("noescape")
	free := zmms
	sets := 1
	if n*steps <= 8 {
		sets = k.sets
	}
	sum := make([][][]reg.VecPhysical, sets) // [set][step][register]
	for s := range sum {
		sum[s] = free.groups(steps, n)
	}
	input := free.groups(sets, steps)
	weight := free.take(4)
	multiply := k.products(&free)
	tail := Load(Param("tail"), GP32())
	KMOVW(tail, reg.K1)
	var neurons firing
	if fires {
		neurons = newFiring(&free)
	}
	places, first, second := Load(Param("places"), GP64()), Load(Param("first"), GP64()), Load(Param("second"), GP64())
	at, end, under, weights, taps, rows := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("taps"), taps)
	place, place2, at2, zero := GP64(), GP64(), GP64(), GP64()
	Load(Param("zero"), zero)

	Label("pixel")
	clear512(sum)
	Load(Param("weights"), weights)
	Load(Param("starts"), under)
	Load(Param("rows"), rows)
	Label("row")
	MOVL(Mem{Base: under}, at.As32())
	MOVL(Mem{Base: under, Index: taps, Scale: 4}, end.As32())
	CMPQ(at, end)
	JGE(LabelRef("next"))
	add := func(set int, place, at reg.Register) {
		for t, counts := range []reg.Register{first, second}[:steps] {
			VPBROADCASTD(Mem{Base: counts, Index: at, Scale: 4}, input[set][t])
		}
		for j := range n {
			w := weight[j%len(weight)]
			VMOVDQU32(Mem{Base: weights, Index: place, Scale: 1, Disp: 64 * j}, w)
			for t := range steps {
				multiply(steps*j+t, w, input[set][t], sum[set][t][j])
			}
		}
	}
	Label("event")
	MOVLQSX(Mem{Base: places, Index: at, Scale: 4}, place)
	if sets == 2 {
		LEAQ(Mem{Base: at, Disp: 1}, at2)
		MOVLQSX(Mem{Base: places, Index: at, Scale: 4, Disp: 4}, place2)
		CMPQ(at2, end)
		CMOVQGE(place, place2)
		CMOVQGE(zero, at2)
		add(0, place, at)
		add(1, place2, at2)
		ADDQ(Imm(2), at)
	} else {
		add(0, place, at)
		INCQ(at)
	}
	CMPQ(at, end)
	JL(LabelRef("event"))
	Label("next")
	ADDQ(parameter("startsRow"), under)
	ADDQ(parameter("weightsRow"), weights)
	DECQ(rows)
	JNZ(LabelRef("row"))

	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := GP64(), GP64()
	Load(Param("scale"), scale)
	Load(Param("bias"), bias)
	to := []reg.Register{GP64(), GP64()}[:steps]
	for t, dst := range []string{"dst", "dst2"}[:steps] {
		Load(Param(dst), to[t])
	}
	for j := range n {
		v := together(sum, j)
		currents(v, scale, bias, j, weight[0])
		switch {
		case fires:
			neurons.fire(v, to, j, j == n-1, weight[1], weight[2])
		case j < n-1:
			for t := range v {
				VMOVUPS(v[t], Mem{Base: to[t], Disp: 64 * j})
			}
		default:
			for t := range v {
				VMOVUPS(v[t], reg.K1, Mem{Base: to[t], Disp: 64 * j})
			}
		}
	}
	stride := GP64()
	Load(Param("dstStride"), stride)
	for _, dst := range []string{"dst", "dst2"}[:steps] {
		ADDQ(stride, parameter(dst))
	}
	Load(Param("startsPixel"), stride)
	ADDQ(stride, parameter("starts"))
	Load(Param("weightsPixel"), stride)
	SUBQ(stride, parameter("weights"))
	DECQ(parameter("pixels"))
	JNZ(LabelRef("pixel"))
	if fires {
		neurons.sum(weight[0])
	}
	VZEROUPPER()
	RET()
}

// clear512 sets sums to zero.
func clear512(sums [][][]reg.VecPhysical) {
	for _, a := range sums {
		for _, b := range a {
			for _, v := range b {
				VPXORD(v, v, v)
			}
		}
	}
}

// together adds up the sets' sums of the j-th 16 channels and gives those of each step.
func together(sum [][][]reg.VecPhysical, j int) []reg.VecPhysical {
	v := make([]reg.VecPhysical, len(sum[0]))
	for t := range v {
		v[t] = sum[0][t][j]
		for _, other := range sum[1:] {
			VPADDD(other[t][j], v[t], v[t])
		}
	}
	return v
}

// currents are of the j-th 16 channels at each step: float32(sum)*scale + bias.
func currents(v []reg.VecPhysical, scale, bias reg.Register, j int, temp reg.VecPhysical) {
	VMOVUPS(Mem{Base: scale, Disp: 64 * j}, temp)
	for _, v := range v {
		VCVTDQ2PS(v, v)
		VMULPS(temp, v, v)
		VADDPS(Mem{Base: bias, Disp: 64 * j}, v, v)
	}
}

// firing is what graded neurons have in registers.
type firing struct {
	none, start, decay, most, spikes reg.VecPhysical
}

func newFiring(free *vectors) firing {
	r := free.take(5)
	f := firing{r[0], r[1], r[2], r[3], r[4]}
	VPXORD(f.none, f.none, f.none)
	VPXORD(f.spikes, f.spikes, f.spikes)
	VBROADCASTSS(parameter("start"), f.start)
	VBROADCASTSS(parameter("decay"), f.decay)
	VBROADCASTSS(parameter("most"), f.most)
	return f
}

// fire has the currents of the steps drive the j-th 16 neurons of a pixel, whose counts go to an address for each step.
func (f *firing) fire(current []reg.VecPhysical, to []reg.Register, j int, last bool, count, whole reg.VecPhysical) {
	before := f.start
	for t, v := range current {
		VADDPS(v, before, v)
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		VMAXPS(f.none, v, whole)
		VMINPS(f.most, whole, whole)
		VCVTTPS2DQ(whole, count)
		if t < len(current)-1 {
			VCVTDQ2PS(count, whole)
			VSUBPS(whole, v, v)
			VMULPS(f.decay, v, v)
			before = v
		}
		if m := (Mem{Base: to[t], Disp: 16 * j}); last {
			VPADDD(count, f.spikes, reg.K1, f.spikes)
			VPMOVDB(count, reg.K1, m)
		} else {
			VPADDD(count, f.spikes, f.spikes)
			VPMOVDB(count, m)
		}
	}
}

// sum returns the sum of the spikes.
func (f *firing) sum(temp reg.VecPhysical) {
	fold512(f.spikes, temp, func(a, b reg.Register) { VPADDD(a, b, b) })
	total := GP64()
	VMOVD(f.spikes.AsX(), total.As32())
	Store(total, Return("spikes"))
}

// two is row for two rows of outputs, one below the other, that fire. A row of inputs is under the windows of the upper one, of both or
// of the lower one. So a loop over the events of a row, of which no processor foresees the end, is there for both as often as
// not, and a pixel waits for fewer of them.
func (k *eventTier) two(n, steps int) {
	_, row := k.names(n, steps)
	name := strings.Replace(row, "eventFire", "eventFireTwo", 1)
	TEXT(name, NOSPLIT, "func(dst *uint8, dstRow, dstStep, dstStride int, "+listedEvents+eventWeights+", upper, both, lower, weightsBack int, scale, bias *float32, pixels int, tail uint32, start, decay, most float32) (spikes uint64)")
	behind := "The counts of the second row and of the second step are dstRow and dstStep behind."
	if steps == 1 {
		behind = "The counts of the second row are dstRow behind; dstStep is not used."
	}
	Doc(fmt.Sprintf("%s is %s for two rows of outputs at once. %s upper, both and lower are how many rows of inputs", name, row, behind),
		"are under the windows of the first row alone, of both and of the second alone; weights are those of the first row for the first of them, and those of the second row are weightsBack before.")
	Pragma("noescape")
	free := zmms
	sum := [][][]reg.VecPhysical{free.groups(steps, n), free.groups(steps, n)} // [row][step][register]
	input, neurons, multiply := free.take(steps), newFiring(&free), k.products(&free)
	weight := free.take(min(4, len(free)))
	tail := Load(Param("tail"), GP32())
	KMOVW(tail, reg.K1)
	places, first, second := Load(Param("places"), GP64()), Load(Param("first"), GP64()), Load(Param("second"), GP64())
	at, end, under, taps, rows, place := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	weights := [2]reg.Register{GP64(), GP64()}
	Load(Param("taps"), taps)

	Label("pixel")
	clear512(sum)
	Load(Param("weights"), weights[0])
	MOVQ(weights[0], weights[1])
	SUBQ(parameter("weightsBack"), weights[1])
	Load(Param("starts"), under)
	// part is the rows of inputs under the windows of some rows of outputs.
	part := func(name string, of ...int) {
		row, event, next, over := name+"Row", name+"Event", name+"Next", name+"Over"
		Load(Param(name), rows)
		TESTQ(rows, rows)
		JZ(LabelRef(over))
		Label(row)
		MOVL(Mem{Base: under}, at.As32())
		MOVL(Mem{Base: under, Index: taps, Scale: 4}, end.As32())
		CMPQ(at, end)
		JGE(LabelRef(next))
		Label(event)
		MOVLQSX(Mem{Base: places, Index: at, Scale: 4}, place)
		for t, counts := range []reg.Register{first, second}[:steps] {
			VPBROADCASTD(Mem{Base: counts, Index: at, Scale: 4}, input[t])
		}
		turn := 0
		for j := range n {
			for _, y := range of {
				w := weight[turn%len(weight)]
				turn++
				VMOVDQU32(Mem{Base: weights[y], Index: place, Scale: 1, Disp: 64 * j}, w)
				for t := range steps {
					multiply(steps*turn+t, w, input[t], sum[y][t][j])
				}
			}
		}
		INCQ(at)
		CMPQ(at, end)
		JL(LabelRef(event))
		Label(next)
		ADDQ(parameter("startsRow"), under)
		for _, w := range weights {
			ADDQ(parameter("weightsRow"), w)
		}
		DECQ(rows)
		JNZ(LabelRef(row))
		Label(over)
	}
	scale, bias, back := GP64(), GP64(), GP64()
	to := []reg.Register{GP64(), GP64()}[:steps]
	// fire has the neurons of a row of outputs take their steps: the upper ones as soon as they can, while the lower ones' events are added.
	fire := func(y int) {
		Load(Param("scale"), scale)
		Load(Param("bias"), bias)
		Load(Param("dst"), to[0])
		if y > 0 {
			ADDQ(parameter("dstRow"), to[0])
		}
		if steps == 2 {
			MOVQ(to[0], to[1])
			ADDQ(parameter("dstStep"), to[1])
		}
		for j := range n {
			v := together(sum[y:y+1], j)
			currents(v, scale, bias, j, weight[0])
			neurons.fire(v, to, j, j == n-1, weight[0], weight[1])
		}
	}
	part("upper", 0)
	part("both", 0, 1)
	fire(0)
	part("lower", 1)
	fire(1)
	for _, step := range [][2]string{{"dstStride", "dst"}, {"startsPixel", "starts"}} {
		Load(Param(step[0]), back)
		ADDQ(back, parameter(step[1]))
	}
	Load(Param("weightsPixel"), back)
	SUBQ(back, parameter("weights"))
	DECQ(parameter("pixels"))
	JNZ(LabelRef("pixel"))
	neurons.sum(weight[0])
	VZEROUPPER()
	RET()
}
