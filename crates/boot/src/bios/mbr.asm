; Master boot record: starts the boot record of the active partition.
;
; Build: nasm -f bin -o mbr.bin mbr.asm
;
; The BIOS puts this sector at 0000:7C00 and the drive's number into DL. The code moves itself away,
; to 0000:0600, because the boot record must come to 0000:7C00. It takes the first entry of the table
; whose flag says active, reads that partition's first sector by LBA, and jumps there with
;
;   DL     the drive's number
;   DS:SI  the partition's entry, still in our copy at 0000:0600
;
; Only the first 440 bytes are code. Behind them come the disk's signature, two zero bytes, four
; entries of 16 bytes (UEFI specification, section 5.2.1) and 55 AA; those belong to the disk.

        bits 16
        cpu 386
        org 0x0600

BOOT            equ 0x7C00      ; where the BIOS puts us, and where we put the boot record
HERE            equ 0x0600      ; where we run
TABLE           equ HERE + 446  ; four entries: +0 flag, +4 type, +8 first sector, +12 sectors
TRIES           equ 5           ; a drive that spins up may fail at first

start:
        cli                     ; no interrupt may find half a stack
        xor ax, ax
        mov ss, ax
        mov sp, BOOT
        sti
        cld
        mov ds, ax
        mov es, ax
        mov si, BOOT
        mov di, HERE
        mov cx, 256
        rep movsw
        jmp 0:moved             ; some BIOSes start us at 07C0:0000

moved:
        test dl, dl
        js .drive
        mov dl, 0x80            ; a BIOS that doesn't say: the first hard disk
.drive:
        mov si, TABLE
        mov cx, 4
.entry:
        test byte [si], 0x80
        jnz .active
        add si, 16
        loop .entry
        mov si, no_active
        jmp fail

.active:
        mov eax, [si+8]
        mov [packet.sector], eax
        push dx
        mov ah, 0x41            ; INT 13h extensions there?
        mov bx, 0x55AA
        int 0x13
        pop dx
        jc .no_lba
        cmp bx, 0xAA55
        jne .no_lba
        test cl, 1              ; the part of them that reads by LBA
        jz .no_lba

        mov cx, TRIES
.read:
        pusha                   ; some BIOSes return with other registers than they should
        mov word [packet.count], 1
        mov si, packet
        mov ah, 0x42
        int 0x13
        popa                    ; leaves the carry
        jnc .loaded
        pusha
        xor ah, ah              ; reset the drive
        int 0x13
        popa
        loop .read
        mov si, read_error
        jmp fail

.loaded:
        cmp word [BOOT + 510], 0xAA55
        mov bx, si
        mov si, no_record
        jne fail
        mov si, bx
        xor ax, ax              ; a BIOS may have changed them
        mov ds, ax
        mov es, ax
        jmp 0:BOOT

.no_lba:
        mov si, no_lba

; Prints the text at SI, waits for a key and lets the BIOS try what it has besides this disk.
fail:
        call print
        mov si, press
        call print
        xor ah, ah
        int 0x16
        int 0x18
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
        align 4, db 0
packet:         db 16, 0
.count:         dw 1
.target:        dw BOOT, 0
.sector:        dd 0, 0

no_active:      db "No partition of this disk is active.", 0
no_lba:         db "This BIOS can't read disks by LBA.", 0
read_error:     db "The active partition can't be read.", 0
no_record:      db "The active partition has no boot record.", 0
press:          db 13, 10, "Press a key to go on without this disk.", 13, 10, 0

        times 440 - ($ - $$) db 0       ; NASM fails if the code is longer
