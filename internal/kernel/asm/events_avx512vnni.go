package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// eventsVNNI writes what finds the inputs that are not silent, and a convolution over those alone, one function for each
// width in registers of 16 channels. Both take two steps of the same neurons at a time, so that a weight is loaded once.
func eventsVNNI() {
	findEvents()
	for n := 1; n <= 8; n++ {
		eventRow(n, false)
		eventRow(n, true)
	}
}

// findEvents lists, pixel after pixel, the groups of four channels with a count at either of two steps.
func findEvents() {
	order := GLOBL("lanesInOrder", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i))
	}
	TEXT("findEventsAVX512", NOSPLIT, "func(starts, places, first, second *uint32, a, b *uint8, c, pixels int, n, place, group, pixel uint32, fans *int, both uint64) (events uint32, messages uint64)")
	Pragma("noescape")
	Doc("findEventsAVX512 lists the groups of four channels that are not zero in both of two maps of c channels, from the n-th event on: its place and its counts in either map.",
		"Places begin at place and are so much apart by group and by pixel. Each pixel's first event is written to starts, the one behind the last is returned. Up to 15 events behind it may be overwritten.",
		"The messages are the counts that are not zero, each times its pixel's fan; those of b are in where the bits of both are set.")
	starts, places := Load(Param("starts"), GP64()), Load(Param("places"), GP64())
	first, second := Load(Param("first"), GP64()), Load(Param("second"), GP64())
	a, b := Load(Param("a"), GP64()), Load(Param("b"), GP64())
	c, fans := Load(Param("c"), GP64()), Load(Param("fans"), GP64())
	n := GP64()
	Load(Param("n"), n.As32())
	pixel, chunk, lane, at4, found := reg.Z0, reg.Z1, reg.Z2, reg.Z7, GP64()
	Comment("The places of a pixel's first 16 groups; how far the next 16 and the next pixel are.")
	number := GP32()
	Load(Param("group"), number)
	VPBROADCASTD(number, chunk)
	VPMULLD(order, chunk, lane)
	VPSLLD(Imm(4), chunk, chunk)
	Load(Param("place"), number)
	VPBROADCASTD(number, pixel)
	VPADDD(pixel, lane, lane)
	Load(Param("pixel"), number)
	VPBROADCASTD(number, pixel)
	at, left, mask, messages, fired := GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(messages, messages)
	Label("pixel")
	MOVL(n.As32(), Mem{Base: starts})
	ADDQ(Imm(4), starts)
	XORQ(at, at)
	XORQ(fired, fired)
	MOVQ(c, left)
	VMOVDQA32(lane, at4)
	Label("chunk")
	MOVQ(I32(-1), mask)
	CMPQ(left, Imm(64))
	JGE(LabelRef("whole"))
	BZHIQ(left, mask, mask)
	Label("whole")
	KMOVQ(mask, reg.K1)
	VMOVDQU8_Z(Mem{Base: a, Index: at, Scale: 1}, reg.K1, reg.Z3)
	VMOVDQU8_Z(Mem{Base: b, Index: at, Scale: 1}, reg.K1, reg.Z4)
	VPTESTMB(reg.Z3, reg.Z3, reg.K3)
	VPTESTMB(reg.Z4, reg.Z4, reg.K4)
	KMOVQ(reg.K3, mask)
	KMOVQ(reg.K4, found)
	ANDQ(parameter("both"), found)
	POPCNTQ(mask, mask)
	POPCNTQ(found, found)
	ADDQ(mask, fired)
	ADDQ(found, fired)
	VPORD(reg.Z3, reg.Z4, reg.Z5)
	VPTESTMD(reg.Z5, reg.Z5, reg.K2)
	KMOVW(reg.K2, found.As32())
	VPCOMPRESSD_Z(at4, reg.K2, reg.Z6)
	VPCOMPRESSD_Z(reg.Z3, reg.K2, reg.Z3)
	VPCOMPRESSD_Z(reg.Z4, reg.K2, reg.Z4)
	VMOVDQU32(reg.Z6, Mem{Base: places, Index: n, Scale: 4})
	VMOVDQU32(reg.Z3, Mem{Base: first, Index: n, Scale: 4})
	VMOVDQU32(reg.Z4, Mem{Base: second, Index: n, Scale: 4})
	POPCNTL(found.As32(), found.As32())
	ADDQ(found, n)
	VPADDD(chunk, at4, at4)
	ADDQ(Imm(64), at)
	SUBQ(Imm(64), left)
	JG(LabelRef("chunk"))
	IMULQ(Mem{Base: fans}, fired)
	ADDQ(fired, messages)
	ADDQ(Imm(8), fans)
	VPADDD(pixel, lane, lane)
	ADDQ(c, a)
	ADDQ(c, b)
	DECQ(parameter("pixels"))
	JNZ(LabelRef("pixel"))
	Store(n.As32(), Return("events"))
	Store(messages, Return("messages"))
	VZEROUPPER()
	RET()
}

// eventRow is a row of outputs of n registers of channels. With few registers, events are taken two at a time into sums of their
// own, as an addition takes longer to finish than the next one may start; the last of an odd number meets zeros.
//
// It leaves the currents, or, fires, the spikes of graded neurons that start the first of the two steps with the same voltage each.
func eventRow(n int, fires bool) {
	const events = "starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32"
	if fires {
		TEXT(fmt.Sprintf("eventFireVNNI%d", n), NOSPLIT, "func(dst, dst2 *uint8, dstStride int, "+events+", start, decay, most float32) (spikes uint64)")
		Doc(fmt.Sprintf("eventFireVNNI%d is eventRowVNNI%d with the neurons behind it, as Graded has them: start is the voltage, decayed, that the first current is added to. It writes their counts and returns the sum.", n, n))
	} else {
		TEXT(fmt.Sprintf("eventRowVNNI%d", n), NOSPLIT, "func(dst, dst2 *float32, dstStride int, "+events+")")
		Doc(fmt.Sprintf("eventRowVNNI%d computes a row of up to %d channels at two steps from the events under its windows, which are taps columns wide. An event's weights are at its place,", n, 16*n),
			"which is so much further for every pixel as weightsPixel. Strides are in bytes; zero is an event without counts; tail is the mask of the last 16 channels.")
	}
	Pragma("noescape")
	free := zmms
	sets := 1
	if n <= 4 {
		sets = 2
	}
	var sum [2][2][]reg.VecPhysical // [set][step][register]
	for s := range sets {
		sum[s][0], sum[s][1] = free.take(n), free.take(n)
	}
	input := free.take(2 * sets)
	weight := free.take(min(len(free), 4))
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
			vpdpbusd(w, input[2*set], sum[set][0][j])
			vpdpbusd(w, input[2*set+1], sum[set][1][j])
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
