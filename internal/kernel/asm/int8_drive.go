package main

import (
	"fmt"

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

// driveSteps writes the steps of leaky neurons in a current that stays: of a register of channels of all pixels of a tile at once, whose
// voltages do not leave the processor.
func driveSteps(name, fired string, reset func(threshold, u reg.Register)) {
	TEXT(name, NOSPLIT, "func(bits, awake, src *uint8, weights *int8, scaleBias *float32, stride, plane, groups, tiles, steps int, decay, threshold, start, silent float32) (spikes uint32)")
	Pragma("noescape")
	Doc(name + " takes the neurons of tiles of 8 pixels through all steps, those of the pairs of registers of 16 channels that are awake, and returns their spikes. One that fires " + fired + "; none does in a current up to silent. A neuron's first 8 steps are the bits of a byte, and the others those of planes behind it, plane bytes apart; stride is from a pixel to the next. Weights are [pair][group][2][16][4], scales and biases [pair][2][2][16].")
	src, bits := Load(Param("src"), GP64()), Load(Param("bits"), GP64())
	at, weights, group, scaleBias := GP64(), GP64(), GP64(), GP64()
	pairs, awake, to := GP64(), GP64(), GP64()
	free := zmms
	x, u, fires := free.take(drivePixels), free.take(drivePixels), free.take(drivePixels)
	r := free.take(8)
	decay, threshold, one, bit, spikes, weight, input, silent := r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("threshold"), threshold)
	VBROADCASTSS(parameter("silent"), silent)
	unit := GP32()
	MOVL(U32(1), unit)
	VPBROADCASTD(unit, one)
	VPXORD(spikes, spikes, spikes)
	each := func(op func(i int)) {
		for i := range drivePixels {
			op(i)
		}
	}
	Label("tile")
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake}, pairs)
	INCQ(parameter("awake"))
	ADDQ(pairs, pairs)
	JZ(LabelRef("nextTile"))
	Load(Param("weights"), weights)
	Load(Param("scaleBias"), scaleBias)

	Label("channels")
	each(func(i int) { VPXORD(x[i], x[i], x[i]) })
	MOVQ(src, at)
	Load(Param("groups"), group)
	Label("group")
	copyVector(Mem{Base: weights}, weight)
	each(func(i int) {
		VPBROADCASTD(Mem{Base: at, Disp: drivePixel * i}, input)
		vpdpbusd(weight, input, x[i])
	})
	ADDQ(Imm(4), at)
	SUBQ(I32(-128), weights)
	DECQ(group)
	JNZ(LabelRef("group"))
	Comment("Sums to currents: float32(sum)*scale + bias.")
	VMOVAPS(Mem{Base: scaleBias}, weight)
	each(func(i int) {
		VCVTDQ2PS(x[i], x[i])
		VMULPS(weight, x[i], x[i])
		VADDPS(Mem{Base: scaleBias, Disp: 128}, x[i], x[i])
	})
	VMAXPS(x[0], x[1], u[0])
	for i := 2; i < drivePixels; i++ {
		VMAXPS(x[i], u[0], u[0])
	}
	VBROADCASTSS(parameter("start"), u[1])
	for i := 2; i < drivePixels; i++ {
		VMOVAPS(u[1], u[i])
	}
	Comment("silent < the highest")
	VCMPPS(Imm(0x11), u[0], silent, reg.K2)
	VMOVAPS(u[1], u[0])
	steps, some := GP64(), GP64()
	Load(Param("steps"), steps)
	MOVQ(bits, at)
	KORTESTW(reg.K2, reg.K2)
	each(func(i int) { VPXORD(fires[i], fires[i], fires[i]) })
	JZ(LabelRef("quiet"))

	Label("plane")
	MOVQ(U32(8), some)
	CMPQ(steps, some)
	CMOVQLT(steps, some)
	SUBQ(some, steps)
	VMOVDQA64(one, bit)
	each(func(i int) { VPXORD(fires[i], fires[i], fires[i]) })
	Label("step")
	each(func(i int) { VMULPS(decay, u[i], u[i]) })
	each(func(i int) { VADDPS(x[i], u[i], u[i]) })
	each(func(i int) {
		Comment("threshold <= u")
		VCMPPS(Imm(0x12), u[i], threshold, reg.K2)
		reset(threshold, u[i])
		VPORD(bit, fires[i], reg.K2, fires[i])
		VPADDD(one, spikes, reg.K2, spikes)
	})
	VPSLLD(Imm(1), bit, bit)
	DECQ(some)
	JNZ(LabelRef("step"))
	store := func() {
		MOVQ(at, to)
		each(func(i int) {
			VPMOVDB(fires[i], Mem{Base: to})
			if i < drivePixels-1 {
				ADDQ(parameter("stride"), to)
			}
		})
		ADDQ(parameter("plane"), at)
	}
	store()
	TESTQ(steps, steps)
	JNZ(LabelRef("plane"))
	JMP(LabelRef("nextChannels"))
	Label("quiet")
	store()
	SUBQ(Imm(8), steps)
	JG(LabelRef("quiet"))

	Comment("The next register of the pair, or the first of the next pair.")
	Label("nextChannels")
	ADDQ(Imm(16), bits)
	Load(Param("groups"), group)
	SHLQ(Imm(7), group)
	SUBQ(group, weights)
	ADDQ(Imm(64), weights)
	ADDQ(Imm(64), scaleBias)
	DECQ(pairs)
	JZ(LabelRef("nextTile"))
	TESTQ(U32(1), pairs)
	JNZ(LabelRef("channels"))
	ADDQ(group, weights)
	ADDQ(I32(-128), weights)
	ADDQ(Imm(64), scaleBias)
	ADDQ(Imm(64), scaleBias)
	JMP(LabelRef("channels"))

	Label("nextTile")
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake, Disp: -1}, pairs)
	SHLQ(Imm(5), pairs)
	SUBQ(pairs, bits)
	for range drivePixels {
		ADDQ(parameter("stride"), bits)
	}
	ADDQ(U32(drivePixels*drivePixel), src)
	DECQ(parameter("tiles"))
	JNZ(LabelRef("tile"))
	fold512(spikes, weight, func(a, b reg.Register) { VPADDD(a, b, b) })
	VMOVD(spikes.AsX(), unit)
	Store(unit, Return("spikes"))
	VZEROUPPER()
	RET()
}

func poolCounts() {
	TEXT("poolCountsAVX512", NOSPLIT, "func(dst, src, awake, order *uint8, c, stride, row, awakeRow, pixels int)")
	Pragma("noescape")
	Doc("poolCountsAVX512 writes the largest of each two by two pixels' c counts, at most 128, in the order wanted. src has stride bytes a pixel and row bytes to the second row; those that are not awake in their tile of 8 pixels are 0, awakeRow further for the second row.")
	dst := Load(Param("dst"), GP64())
	pool(func(first Mem, others []Mem, masks []reg.Register, to, _ reg.Register) {
		VMOVDQU8_Z(first, masks[0], to)
		for i, other := range others {
			VPMAXUB(other, to, masks[1+i], to)
		}
	}, func(i int, pooled, c reg.Register) {
		VMOVDQU8(pooled, c, Mem{Base: dst, Disp: 64 * i})
	}, func(c reg.Register) { ADDQ(c, dst) })
}

func poolSteps() {
	bits := GLOBL("bitsOfBytes", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(0x01010101<<i))
	}
	TEXT("poolStepsAVX512", NOSPLIT, "func(dst, src, awake, order *uint8, c, stride, row, awakeRow, pixels, steps, size int)")
	Pragma("noescape")
	Doc("poolStepsAVX512 is poolCountsAVX512 for bits, each a step's, and writes a map of 0 and 1 for each of up to 8 steps, size bytes apart.")
	dst, to, at, left := Load(Param("dst"), GP64()), GP64(), GP64(), GP64()
	one, table := reg.Z8, GP64()
	unit := GP32()
	MOVL(U32(1), unit)
	VPBROADCASTB(unit, one)
	LEAQ(bits, table)
	pool(func(first Mem, others []Mem, masks []reg.Register, to, temp reg.Register) {
		VMOVDQU8_Z(first, masks[0], to)
		for i, other := range others {
			VMOVDQU8_Z(other, masks[1+i], temp)
			VPORQ(temp, to, to)
		}
	}, func(i int, pooled, c reg.Register) {
		label := fmt.Sprintf("step%d", i)
		LEAQ(Mem{Base: dst, Disp: 64 * i}, to)
		MOVQ(table, at)
		Load(Param("steps"), left)
		Label(label)
		VPBROADCASTD(Mem{Base: at}, reg.Z9)
		VPTESTMB(reg.Z9, pooled, reg.K7)
		VMOVDQU8_Z(one, reg.K7, reg.Z9)
		VMOVDQU8(reg.Z9, c, Mem{Base: to})
		ADDQ(Imm(4), at)
		ADDQ(parameter("size"), to)
		DECQ(left)
		JNZ(LabelRef(label))
	}, func(c reg.Register) { ADDQ(c, dst) })
}

// pool writes a loop over two by two pixels: combine takes up to 64 channels of them together, and write stores those, by the mask of the
// last ones, once they are in the order wanted; next goes to the next pixel.
func pool(combine func(first Mem, others []Mem, masks []reg.Register, to, temp reg.Register), write func(i int, pooled, c reg.Register), next func(c reg.Register)) {
	src, awake := Load(Param("src"), GP64()), Load(Param("awake"), GP64())
	order, c, stride, pixels := Load(Param("order"), GP64()), Load(Param("c"), GP64()), Load(Param("stride"), GP64()), Load(Param("pixels"), GP64())
	first, second := reg.Z0, reg.Z1
	VMOVDQU64(Mem{Base: order}, first)
	VMOVDQU64(Mem{Base: order, Disp: 64}, second)
	bits, rest, at := order, GP64(), GP64()
	// masks has the lowest n bits of 128 in two.
	masks := func(n reg.Register, low, high reg.Register) {
		MOVQ(I32(-1), bits)
		BZHIQ(n, bits, bits)
		KMOVQ(bits, low)
		MOVQ(n, rest)
		MOVQ(U32(0), bits)
		SUBQ(Imm(64), rest)
		CMOVQLT(bits, rest)
		MOVQ(I32(-1), bits)
		BZHIQ(rest, bits, bits)
		KMOVQ(bits, high)
	}
	masks(c, reg.K1, reg.K2)
	Label("tile")
	n := GP64()
	MOVBQZX(Mem{Base: awake}, n)
	SHLQ(Imm(5), n)
	masks(n, reg.K3, reg.K4)
	Load(Param("awakeRow"), at)
	MOVBQZX(Mem{Base: awake, Index: at, Scale: 1}, n)
	SHLQ(Imm(5), n)
	masks(n, reg.K5, reg.K6)
	INCQ(awake)
	left := n
	MOVQ(U32(drivePixels/2), left)
	CMPQ(pixels, left)
	CMOVQLT(pixels, left)
	SUBQ(left, pixels)
	half, out := []reg.Register{reg.Z2, reg.Z3}, reg.Z4
	Label("pixel")
	MOVQ(src, at)
	ADDQ(parameter("row"), at)
	for i, v := range half {
		upper, lower := []reg.Register{reg.K3, reg.K4}[i], []reg.Register{reg.K5, reg.K6}[i]
		combine(Mem{Base: src, Disp: 64 * i}, []Mem{{Base: src, Index: stride, Scale: 1, Disp: 64 * i}, {Base: at, Disp: 64 * i}, {Base: at, Index: stride, Scale: 1, Disp: 64 * i}},
			[]reg.Register{upper, upper, lower, lower}, v, out)
	}
	for i, from := range []reg.Register{first, second} {
		VMOVDQA64(from, out)
		VPERMI2B(half[1], half[0], out)
		write(i, out, []reg.Register{reg.K1, reg.K2}[i])
	}
	next(c)
	LEAQ(Mem{Base: src, Index: stride, Scale: 2}, src)
	DECQ(left)
	JNZ(LabelRef("pixel"))
	TESTQ(pixels, pixels)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
