/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Firmware for VMs of user VMs, and all of it: a BIOS would want a timer, whose ticks leave a
 * VM in a VM in a VM in an emulator no time. It writes to COM1 and reads back what tells whose
 * UART that is: the scratch register, a byte in loopback. Then it says so there, and "@l3 got
 * X" for each byte X that comes in, with the UART's interrupt.
 *
 * Registers: data sheets of PC16550D and 8259A.
 */
#define COM1	0x3f8
#define IER	(COM1 + 1)
#define FCR	(COM1 + 2)
#define LCR	(COM1 + 3)
#define MCR	(COM1 + 4)
#define LSR	(COM1 + 5)
#define SCR	(COM1 + 7)

#define SEGMENT		0xf000	/* where this is; RAM: */
#define STACK		0x7c00
#define KEY		0x500
#define VECTOR		0x08	/* of IRQ 0 */

#define APIC_BASE	0x1b
#define APIC_ENABLE	0x800

#define LSR_DR		0x01
#define LSR_THRE	0x20

	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$STACK, %sp
	cld

	movw	$LCR, %dx
	movb	$0x03, %al		/* 8 bits */
	outb	%al, %dx
	movw	$IER, %dx
	xorb	%al, %al
	outb	%al, %dx
	movw	$FCR, %dx
	outb	%al, %dx

	movw	$SCR, %dx
	movb	$0x5a, %al
	outb	%al, %dx
	inb	%dx, %al
	cmpb	$0x5a, %al
	jne	failed

	movw	$MCR, %dx
	movb	$0x10, %al		/* loopback */
	outb	%al, %dx
	movw	$COM1, %dx
	movb	$0xa7, %al
	outb	%al, %dx
	movb	$LSR_DR, %ah
	call	wait
	movw	$COM1, %dx
	inb	%dx, %al
	cmpb	$0xa7, %al
	jne	failed
	movw	$MCR, %dx
	movb	$0x08, %al		/* OUT2: interrupts reach the PIC */
	outb	%al, %dx

	movw	$good, %si
	call	say

	/* No local APIC: the PIC's interrupts come as they are (SDM vol. 3, 11.4.3). */
	movl	$APIC_BASE, %ecx
	rdmsr
	andl	$~APIC_ENABLE, %eax
	wrmsr
	/* IRQ 4 alone */
	movw	$irq, 4 * (VECTOR + 4)
	movw	$SEGMENT, 4 * (VECTOR + 4) + 2
	movb	$0x11, %al		/* ICW1: edges, a second one, ICW4 */
	outb	%al, $0x20
	movb	$VECTOR, %al
	outb	%al, $0x21
	movb	$0x04, %al		/* ICW3: the second one is at IRQ 2 */
	outb	%al, $0x21
	movb	$0x01, %al		/* ICW4: 8086 */
	outb	%al, $0x21
	movb	$0xef, %al
	outb	%al, $0x21
	movw	$IER, %dx
	movb	$0x01, %al
	outb	%al, %dx
2:	sti
	hlt
	jmp	2b

failed:	movw	$bad, %si
	call	say
3:	cli
	hlt
	jmp	3b

irq:	movw	$LSR, %dx
	inb	%dx, %al
	testb	$LSR_DR, %al
	jz	4f
	movw	$COM1, %dx
	inb	%dx, %al
	movb	%al, KEY
	movw	$got, %si
	call	say
	movb	$LSR_THRE, %ah
	call	wait
	movb	KEY, %al
	movw	$COM1, %dx
	outb	%al, %dx
	movw	$end, %si
	call	say
	jmp	irq
4:	movb	$0x20, %al		/* end of interrupt */
	outb	%al, $0x20
	iretw

/* Until LSR has what is in %ah. %ax is 0 behind it, %dx another one. */
wait:	movw	$LSR, %dx
5:	inb	%dx, %al
	testb	%ah, %al
	jz	5b
	xorw	%ax, %ax
	ret

/* The text at %si. */
say:	movb	$LSR_THRE, %ah
	call	wait
	lodsb	%cs:(%si), %al
	testb	%al, %al
	jz	6f
	movw	$COM1, %dx
	outb	%al, %dx
	jmp	say
6:	ret

good:	.asciz	"@l3 reads what it wrote\r\n"
bad:	.asciz	"@l3 reads something else\r\n"
got:	.asciz	"@l3 got "
end:	.asciz	"\r\n"

	.org	0xfff0			/* reset */
	ljmp	$SEGMENT, $_start
	.org	0x10000
