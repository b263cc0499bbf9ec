package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A tile has drivePixels of gathered inputs, drivePixel bytes apart.
const drivePixels, drivePixel = 8, 32

// int8Drive writes how a first layer drives neurons: which of them may have a current at all, their step, and the pooling of their counts.
func int8Drive() {
	tilesAwake()
	newDriver().write()
	driveSteps("driveStepsSubtractVNNI", "loses the threshold", func(threshold, u reg.Register) { VSUBPS(threshold, u, reg.K2, u) })
	driveSteps("driveStepsZeroVNNI", "is reset to zero", func(_, u reg.Register) { VPXORD(u, u, reg.K2, u) })
	poolCounts()
	poolSteps()
}

func tilesAwake() {
	TEXT("tilesAwakeAVX512", NOSPLIT, "func(awake, src *uint8, inputs uint64, tiles int, bounds *float32, pairs int)")
	Pragma("noescape")
	Doc("tilesAwakeAVX512 finds for each tile of 8 pixels, of inputs that are bits of every two pixels' 64 bytes, up to which pair of registers of 16 channels there may be a current: where b[0]*highest + b[1]*lowest input > b[2], of bounds [register][3][16].")
	awake, src, tiles := Load(Param("awake"), GP64()), Load(Param("src"), GP64()), Load(Param("tiles"), GP64())
	inputs := Load(Param("inputs"), GP64())
	KMOVQ(inputs, reg.K1)
	high, low, ones, temp := reg.Z0, reg.Z1, reg.Z2, reg.Z3
	VPTERNLOGD(Imm(0xff), ones, ones, ones)
	Label("tile")
	VPXORD(high, high, high)
	VMOVDQA64(ones, low)
	for i := 0; i < drivePixels*drivePixel; i += 64 {
		VPMAXUB(Mem{Base: src, Disp: i}, high, reg.K1, high)
		VPMINUB(Mem{Base: src, Disp: i}, low, reg.K1, low)
	}
	Comment("The highest is what is lowest of its complements.")
	VPXORD(ones, high, high)
	for _, v := range []reg.VecPhysical{high.(reg.VecPhysical), low.(reg.VecPhysical)} {
		VEXTRACTI64X4(Imm(1), v, temp.AsY())
		VPMINUB(temp.AsY(), v.AsY(), v.AsY())
		VEXTRACTI128(Imm(1), v.AsY(), temp.AsX())
		VPMINUB(temp.AsX(), v.AsX(), v.AsX())
		VPSRLDQ(Imm(8), v.AsX(), temp.AsX())
		VPMINUB(temp.AsX(), v.AsX(), v.AsX())
		VPMOVZXBW(v.AsX(), v.AsX())
		VPHMINPOSUW(v.AsX(), v.AsX())
		VPBROADCASTW(v.AsX(), v)
	}
	VPSRLD(Imm(16), ones, temp)
	VPANDD(temp, low, low)
	VPSRLD(Imm(24), ones, temp)
	VPANDND(temp, high, high)
	VCVTDQ2PS(low, low)
	VCVTDQ2PS(high, high)
	bounds, last, pair := Load(Param("bounds"), GP64()), GP64(), GP64()
	XORQ(last, last)
	XORQ(pair, pair)
	Label("pair")
	for i := range 2 {
		bound := []reg.Register{reg.Z4, reg.Z5}[i]
		VMULPS(Mem{Base: bounds, Disp: 192*i + 64}, low, bound)
		VFMADD231PS(Mem{Base: bounds, Disp: 192 * i}, high, bound)
		Comment("greater")
		VCMPPS(Imm(0x1e), Mem{Base: bounds, Disp: 192*i + 128}, bound, []reg.Register{reg.K2, reg.K3}[i])
	}
	ADDQ(U32(384), bounds)
	INCQ(pair)
	KORTESTW(reg.K2, reg.K3)
	CMOVQNE(pair, last)
	CMPQ(pair, parameter("pairs"))
	JL(LabelRef("pair"))
	MOVB(last.As8(), Mem{Base: awake})
	INCQ(awake)
	ADDQ(U32(drivePixels*drivePixel), src)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// driver writes the step of the neurons.
//
// A processor multiplies in other units than it converts and adds, and looks ahead no further than a tile. So the neurons of each pixel take
// their step between the multiplications of the next tile or the next channels, of which there are about as many.
type driver struct {
	src, v, counts                reg.Register // of a tile's pair of registers
	at, weights, group            reg.Register // of a group of inputs
	sums, voltage, count, pending reg.Register // of the neurons whose sums are there
	scaleBias                     reg.Register
	left                          reg.Register // pairs of the tile
	sum                           [][]reg.VecPhysical
	input, zero, dt, spikes       reg.VecPhysical
	weight, scale, bias, u, whole []reg.VecPhysical // of a pair
	stride, countStride           Mem
}

func newDriver() *driver {
	TEXT("driveTilesVNNI", NOSPLIT, "func(counts *uint8, v *float32, awake, src *uint8, weights *int8, scaleBias *float32, sums *int32, stride, countStride, groups, tiles int, dt float32) (spikes uint32)")
	Pragma("noescape")
	Doc("driveTilesVNNI takes the neurons of tiles of 8 pixels a step further, those of the pairs of registers of 16 channels that are awake, and returns their spikes. v must be from 0 to below 1, and stay below 256 until the spikes leave. Strides from a pixel to the next are in bytes. Weights are [pair][group][2][16][4], scales and biases [pair][2][2][16]; sums is room for 16 registers.")
	d := &driver{
		src: Load(Param("src"), GP64()), v: Load(Param("v"), GP64()), counts: Load(Param("counts"), GP64()),
		at: GP64(), weights: GP64(), group: GP64(), sums: GP64(), voltage: GP64(), count: GP64(), pending: GP64(), scaleBias: GP64(), left: GP64(),
		stride: parameter("stride"), countStride: parameter("countStride"),
	}
	free := zmms
	for range drivePixels {
		d.sum = append(d.sum, free.take(2))
	}
	r := free.take(4)
	d.input, d.zero, d.dt, d.spikes = r[0], r[1], r[2], r[3]
	d.weight, d.scale, d.bias, d.u, d.whole = free.take(2), free.take(2), free.take(2), free.take(2), free.take(2)
	VPXORD(d.zero, d.zero, d.zero)
	VPXORD(d.spikes, d.spikes, d.spikes)
	VBROADCASTSS(parameter("dt"), d.dt)
	return d
}

func (d *driver) write() {
	XORQ(d.pending, d.pending)
	Label("tile")
	awake := GP64()
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake}, d.left)
	INCQ(parameter("awake"))
	Load(Param("weights"), d.weights)
	Load(Param("scaleBias"), d.scaleBias)
	TESTQ(d.left, d.left)
	JZ(LabelRef("nextTile"))

	Label("channels")
	for _, pixel := range d.sum {
		for _, v := range pixel {
			VPXORD(v, v, v)
		}
	}
	MOVQ(d.src, d.at)
	Load(Param("groups"), d.group)
	TESTQ(d.pending, d.pending)
	JZ(LabelRef("plain"))
	Label("both")
	between(d.multiply(), d.step())
	DECQ(d.group)
	JZ(LabelRef("steps"))
	DECQ(d.pending)
	JNZ(LabelRef("both"))
	Label("plain")
	between(d.multiply(), nil)
	DECQ(d.group)
	JNZ(LabelRef("plain"))
	JMP(LabelRef("keep"))
	Label("steps")
	DECQ(d.pending)
	JZ(LabelRef("keep"))
	between(nil, d.step())
	JMP(LabelRef("steps"))

	Label("keep")
	Load(Param("sums"), d.sums)
	for i, pixel := range d.sum {
		for j, v := range pixel {
			VMOVDQA64(v, Mem{Base: d.sums, Disp: 128*i + 64*j})
		}
	}
	for j := range d.scale {
		VMOVAPS(Mem{Base: d.scaleBias, Disp: 64 * j}, d.scale[j])
		VMOVAPS(Mem{Base: d.scaleBias, Disp: 128 + 64*j}, d.bias[j])
	}
	ADDQ(U32(256), d.scaleBias)
	MOVQ(d.v, d.voltage)
	MOVQ(d.counts, d.count)
	SUBQ(I32(-128), d.v)
	ADDQ(Imm(32), d.counts)
	MOVQ(U32(drivePixels), d.pending)
	DECQ(d.left)
	JNZ(LabelRef("channels"))

	Comment("v and counts have gone along the pairs that are awake.")
	Label("nextTile")
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake, Disp: -1}, d.left)
	SHLQ(Imm(5), d.left)
	SUBQ(d.left, d.counts)
	SHLQ(Imm(2), d.left)
	SUBQ(d.left, d.v)
	for range drivePixels {
		ADDQ(d.stride, d.v)
		ADDQ(d.countStride, d.counts)
	}
	ADDQ(U32(drivePixels*drivePixel), d.src)
	DECQ(parameter("tiles"))
	JNZ(LabelRef("tile"))

	TESTQ(d.pending, d.pending)
	JZ(LabelRef("done"))
	Label("last")
	between(nil, d.step())
	DECQ(d.pending)
	JNZ(LabelRef("last"))
	Label("done")
	Comment("All sums stay below 2^32: 255*2^24.")
	fold512(d.spikes, d.u[0], func(a, b reg.Register) { VPADDD(a, b, b) })
	sum := GP32()
	VMOVD(d.spikes.AsX(), sum)
	Store(sum, Return("spikes"))
	VZEROUPPER()
	RET()
}

// between writes two lists of instructions evenly into each other.
func between(a, b []func()) {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if j == len(b) || i < len(a) && i*len(b) <= j*len(a) {
			a[i]()
			i++
		} else {
			b[j]()
			j++
		}
	}
}

// multiply adds the products of a group of inputs to the sums.
func (d *driver) multiply() (list []func()) {
	for j, w := range d.weight {
		list = append(list, func() { copyVector(Mem{Base: d.weights, Disp: 64 * j}, w) })
	}
	for i, pixel := range d.sum {
		list = append(list, func() { VPBROADCASTD(Mem{Base: d.at, Disp: drivePixel * i}, d.input) })
		for j, sum := range pixel {
			list = append(list, func() { vpdpbusd(d.weight[j], d.input, sum) })
		}
	}
	return append(list, func() { ADDQ(Imm(4), d.at) }, func() { SUBQ(I32(-128), d.weights) })
}

// step is that of a pixel's neurons: sums to currents, float32(sum)*scale + bias; currents to voltages, v + max(current, 0)*dt; and those to
// whole counts and what is left.
func (d *driver) step() (list []func()) {
	each := func(op func(j int, u, whole reg.Register)) {
		for j := range d.u {
			list = append(list, func() { op(j, d.u[j], d.whole[j]) })
		}
	}
	each(func(j int, u, _ reg.Register) { VCVTDQ2PS(Mem{Base: d.sums, Disp: 64 * j}, u) })
	each(func(j int, u, _ reg.Register) { VMULPS(d.scale[j], u, u) })
	each(func(j int, u, _ reg.Register) { VADDPS(d.bias[j], u, u) })
	each(func(_ int, u, _ reg.Register) { VMAXPS(d.zero, u, u) })
	each(func(_ int, u, _ reg.Register) { VMULPS(d.dt, u, u) })
	each(func(j int, u, _ reg.Register) { VADDPS(Mem{Base: d.voltage, Disp: 64 * j}, u, u) })
	each(func(_ int, u, whole reg.Register) { VCVTTPS2DQ(u, whole) })
	each(func(j int, _, whole reg.Register) { VPMOVDB(whole, Mem{Base: d.count, Disp: 16 * j}) })
	each(func(_ int, _, whole reg.Register) { VPADDD(whole, d.spikes, d.spikes) })
	each(func(_ int, _, whole reg.Register) { VCVTDQ2PS(whole, whole) })
	each(func(_ int, u, whole reg.Register) { VSUBPS(whole, u, u) })
	each(func(j int, u, _ reg.Register) { VMOVAPS(u, Mem{Base: d.voltage, Disp: 64 * j}) })
	return append(list, func() { SUBQ(I32(-128), d.sums) }, func() { ADDQ(d.stride, d.voltage) }, func() { ADDQ(d.countStride, d.count) })
}
