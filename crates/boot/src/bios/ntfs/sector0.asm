; Sector 0 of the boot record: makes sure where the volume begins, and reads the other 15 sectors.
; Part of ../ntfs.asm.

start:
        jmp short code
        nop
        times 0x54 - ($ - $$) db 0      ; the volume's own; see BootSector in format.rs

code:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7C00
        sti
        cld
        mov ebx, [si+8]                 ; what the master boot record says is our first sector
        mov ds, ax
        mov es, ax
        jmp 0:normal                    ; some start us at 07C0:0000

normal:
        test dl, dl
        js .drive
        mov dl, 0x80
.drive:
        mov [drive], dl
        mov [base], ebx
        mov ah, 0x41                    ; INT 13h extensions there?
        mov bx, 0x55AA
        int 0x13
        mov si, no_lba
        jc fail
        cmp bx, 0xAA55
        jne fail
        test cl, 1                      ; the part of them that reads by LBA
        jz fail

        ; An MBR that is not ours may leave anything at DS:SI, and a program that formats a volume
        ; without knowing its disk leaves anything in the parameters. So look.
        call is_ours
        je found
        mov eax, [hidden]
        mov [base], eax
        call is_ours
        mov si, no_volume
        jne fail
found:
        mov eax, [base]
        mov [hidden], eax               ; bootmgr believes this and the drive
        inc eax
        mov [packet.sector], eax
        mov ecx, 15
        mov ax, 0x07E0
        mov es, ax
        call read_disk
        jc disk_error
        jmp ntfs

; ZF = 1 if the disk's sector [base] has the parameters of this boot record.
is_ours:
        mov eax, [base]
        mov [packet.sector], eax
        mov ax, BASE
        mov es, ax
        mov ecx, 1
        push es
        call read_disk
        pop es
        jc .no
        mov si, parameters
        mov di, parameters - 0x7C00
        mov cx, (0x54 - 0x28) / 2
        repe cmpsw
        ret
.no:
        test sp, sp                     ; never zero
        ret

; Reads ECX sectors from the disk's sector [packet.sector] on to ES:0; ES must be a multiple of 20h.
; CF = 1 on an error. Changes ES and [packet.sector] to what follows.
read_disk:
        pushad
.next:
        mov ax, es                      ; sectors up to the next 64 KiB, which DMA can't cross
        shr ax, 5
        and eax, 127
        mov ebx, 128
        sub bx, ax
        cmp bx, 64                      ; more at once than some BIOSes can
        jbe .fits
        mov bx, 64
.fits:
        cmp ebx, ecx
        jbe .part
        mov ebx, ecx
.part:
        mov bp, TRIES
.try:
        mov [packet.count], bx
        mov [packet.segment], es
        mov si, packet
        mov ah, 0x42
        call int13
        jnc .ok
        xor ah, ah                      ; reset
        call int13
        dec bp
        jnz .try
        stc
        jmp .end
.ok:
        add [packet.sector], ebx
        adc dword [packet.sector+4], 0
        mov ax, bx
        shl ax, 5
        mov dx, es
        add ax, dx
        mov es, ax
        sub ecx, ebx
        jnz .next                       ; CF = 0
.end:
        popad
        ret

; A BIOS may return with other registers than it should.
int13:
        pushad
        push es
        mov dl, [drive]
        int 0x13
        pop es
        popad
        ret

disk_error:
        mov si, no_read
; Prints the text at SI and starts the machine anew after a key.
fail:
        push cs                         ; zero
        pop ds
        call print
        mov si, press
        call print
        xor ah, ah
        int 0x16
        int 0x19
.halt:
        hlt
        jmp .halt

print:
        lodsb
        test al, al
        jz .end
        mov ah, 0x0E
        mov bx, 7
        int 0x10
        jmp print
.end:
        ret

; Disk address packet of INT 13h AH=42h.
packet:         db 16, 0
.count:         dw 0
.offset:        dw 0
.segment:       dw 0
.sector:        dd 0, 0

no_lba:         db "The BIOS has no LBA.", 0
no_volume:      db "Boot volume not found.", 0
no_read:        db "Disk read error.", 0
press:          db 13, 10, "Press a key to restart.", 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xAA55
