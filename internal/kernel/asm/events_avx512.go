package main

import (
	"fmt"

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
// steps of the same neurons are taken at a time, so that a weight is loaded once.
func (k *eventTier) rows() {
	for n := 1; n <= 8; n++ {
		k.row(n, false)
		k.row(n, true)
	}
}

// row is a row of outputs of n registers of channels. With few registers, events may be taken two at a time into sums of their own,
// where an addition takes longer to finish than the next one may start; the last of an odd number meets zeros.
//
// It leaves the currents, or, fires, the spikes of graded neurons that start the first of the two steps with the same voltage each.
func (k *eventTier) row(n int, fires bool) {
	const events = "starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32"
	row, fire := fmt.Sprintf("eventRow%s%d", k.name, n), fmt.Sprintf("eventFire%s%d", k.name, n)
	if fires {
		TEXT(fire, NOSPLIT, "func(dst, dst2 *uint8, dstStride int, "+events+", start, decay, most float32) (spikes uint64)")
		Doc(fire + " is " + row + " with the neurons behind it, as Graded has them: start is the voltage, decayed, that the first current is added to. It writes their counts and returns the sum.")
	} else {
		TEXT(row, NOSPLIT, "func(dst, dst2 *float32, dstStride int, "+events+")")
		Doc(fmt.Sprintf("%s computes a row of up to %d channels at two steps from the events under its windows, which are taps columns wide. An event's weights are at its place,", row, 16*n),
			"which is so much further for every pixel as weightsPixel. Strides are in bytes; zero is an event without counts; tail is the mask of the last 16 channels."+k.counts)
	}
	Pragma("noescape")
	free := zmms
	sets := 1
	if n <= 4 {
		sets = k.sets
	}
	var sum [2][2][]reg.VecPhysical // [set][step][register]
	for s := range sets {
		sum[s][0], sum[s][1] = free.take(n), free.take(n)
	}
	input := free.take(2 * sets)
	weight := free.take(4)
	multiply := k.products(&free)
	tail := Load(Param("tail"), GP32())
	KMOVW(tail, reg.K1)
	var none, start, decay, most, spikes reg.VecPhysical
	if fires {
		constant := free.take(5)
		none, start, decay, most, spikes = constant[0], constant[1], constant[2], constant[3], constant[4]
		VPXORD(none, none, none)
		VPXORD(spikes, spikes, spikes)
		VBROADCASTSS(parameter("start"), start)
		VBROADCASTSS(parameter("decay"), decay)
		VBROADCASTSS(parameter("most"), most)
	}
	places, first, second := Load(Param("places"), GP64()), Load(Param("first"), GP64()), Load(Param("second"), GP64())
	at, end, under, weights, taps, rows := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("taps"), taps)
	place, place2, at2, zero := GP64(), GP64(), GP64(), GP64()
	Load(Param("zero"), zero)

	Label("pixel")
	for s := range sets {
		for t := range 2 {
			for _, v := range sum[s][t] {
				VPXORD(v, v, v)
			}
		}
	}
	Load(Param("weights"), weights)
	Load(Param("starts"), under)
	Load(Param("rows"), rows)
	Label("row")
	MOVL(Mem{Base: under}, at.As32())
	MOVL(Mem{Base: under, Index: taps, Scale: 4}, end.As32())
	CMPQ(at, end)
	JGE(LabelRef("next"))
	add := func(set int, place, at reg.Register) {
		for t, counts := range []reg.Register{first, second} {
			VPBROADCASTD(Mem{Base: counts, Index: at, Scale: 4}, input[2*set+t])
		}
		for j := range n {
			w := weight[j%len(weight)]
			VMOVDQU32(Mem{Base: weights, Index: place, Scale: 1, Disp: 64 * j}, w)
			multiply(0, w, input[2*set], sum[set][0][j])
			multiply(1, w, input[2*set+1], sum[set][1][j])
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
	to := [2]reg.Register{GP64(), GP64()}
	Load(Param("dst"), to[0])
	Load(Param("dst2"), to[1])
	for j := range n {
		VMOVUPS(Mem{Base: scale, Disp: 64 * j}, weight[0])
		for t := range 2 {
			v := sum[0][t][j]
			if sets == 2 {
				VPADDD(sum[1][t][j], v, v)
			}
			VCVTDQ2PS(v, v)
			VMULPS(weight[0], v, v)
			VADDPS(Mem{Base: bias, Disp: 64 * j}, v, v)
			if !fires {
				if m := (Mem{Base: to[t], Disp: 64 * j}); j < n-1 {
					VMOVUPS(v, m)
				} else {
					VMOVUPS(v, reg.K1, m)
				}
			}
		}
		if !fires {
			continue
		}
		count := weight[1]
		before := start
		for t := range 2 {
			v, whole := sum[0][t][j], weight[2]
			VADDPS(v, before, v)
			Comment("A maximum gives its second source, which Go writes first, for a NaN.")
			VMAXPS(none, v, whole)
			VMINPS(most, whole, whole)
			VCVTTPS2DQ(whole, count)
			if t == 0 {
				VCVTDQ2PS(count, whole)
				VSUBPS(whole, v, v)
				VMULPS(decay, v, v)
				before = v
			}
			if m := (Mem{Base: to[t], Disp: 16 * j}); j < n-1 {
				VPADDD(count, spikes, spikes)
				VPMOVDB(count, m)
			} else {
				VPADDD(count, spikes, reg.K1, spikes)
				VPMOVDB(count, reg.K1, m)
			}
		}
	}
	stride := GP64()
	Load(Param("dstStride"), stride)
	ADDQ(stride, parameter("dst"))
	ADDQ(stride, parameter("dst2"))
	Load(Param("startsPixel"), stride)
	ADDQ(stride, parameter("starts"))
	Load(Param("weightsPixel"), stride)
	SUBQ(stride, parameter("weights"))
	DECQ(parameter("pixels"))
	JNZ(LabelRef("pixel"))
	if fires {
		total := GP64()
		half := input[0]
		VEXTRACTI64X4(Imm(1), spikes, half.AsY())
		VPADDD(half.AsY(), spikes.AsY(), spikes.AsY())
		VEXTRACTI32X4(Imm(1), spikes.AsY(), half.AsX())
		VPADDD(half.AsX(), spikes.AsX(), spikes.AsX())
		VPSHUFD(Imm(0b1110), spikes.AsX(), half.AsX())
		VPADDD(half.AsX(), spikes.AsX(), spikes.AsX())
		VPSHUFD(Imm(1), spikes.AsX(), half.AsX())
		VPADDD(half.AsX(), spikes.AsX(), spikes.AsX())
		VMOVD(spikes.AsX(), total.As32())
		Store(total, Return("spikes"))
	}
	VZEROUPPER()
	RET()
}
