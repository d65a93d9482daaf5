; Stands in for \bootmgr in the tests: reports over the first serial port what it finds.
;
; Build: nasm -f bin -o probe.bin probe.asm
;
; The line that it sends, all numbers in hexadecimal:
;
;   PROBE cs=2000 ip=0000 ss=0000 sp=7C00 ds=0000 es=0000 fs=0000 gs=0000 dl=80 flags=0202 a20=01
;         mode=03 hidden=00000800 drive=80 record=01 fnv=89ABCDEF
;
; ip      where it was entered
; record  1 if at 7C00 there is a sector with "NTFS    " and 55 AA
; fnv     FNV-1a of as many bytes from 2000:0000 on as the file has, whose count is at offset 4
;
; A test makes the file longer with bytes of its own and sets the count.

        bits 16
        cpu 386
        org 0

PORT            equ 0x3F8

start:
        jmp short begin
        times 4 - ($ - $$) nop
length:         dd 0

begin:
        call .here              ; where that is tells where we were entered
.here:
        pushf
        push ds
        push word 0
        pop ds                  ; the variables' segment
        pop word [was.ds]
        pop word [was.flags]
        pop word [was.ip]
        sub word [was.ip], begin.here - start
        mov [was.sp], sp
        mov [was.ss], ss
        mov [was.cs], cs
        mov [was.es], es
        mov [was.fs], fs
        mov [was.gs], gs
        mov [was.dl], dl
        cld

        call test_a20
        mov ah, 0x0F            ; video mode
        int 0x10
        mov [was.mode], al
        call look_at_record
        call sum
        mov [was.fnv], eax
        cli                     ; the BIOS sends what is left of its screen to the same port by a timer
        call report

.halt:                          ; who has read the report ends the machine
        cli
        hlt
        jmp .halt

; Without A20, FFFF:0510 is 0000:0500.
test_a20:
        push ds
        xor ax, ax
        mov es, ax
        dec ax
        mov ds, ax
        mov si, 0x510
        mov di, 0x500
        cli
        mov byte [es:di], 0x55  ; the BIOS doesn't need it any more
        mov byte [si], 0xAA
        cmp byte [es:di], 0x55
        sti
        pop ds
        sete [was.a20]
        ret

look_at_record:
        xor ax, ax
        mov es, ax
        mov eax, [es:0x7C1C]
        mov [was.hidden], eax
        mov al, [es:0x7C24]
        mov [was.drive], al
        cmp word [es:0x7DFE], 0xAA55
        mov byte [was.record], 0
        jne .end
        cmp dword [es:0x7C03], "NTFS"
        jne .end
        cmp dword [es:0x7C07], "    "
        sete [was.record]
.end:
        ret

; EAX = FNV-1a of the file.
sum:
        mov ecx, [cs:length]
        mov eax, 0x811C9DC5
        mov bx, cs
        xor si, si
.byte:
        mov es, bx
        xor al, [es:si]
        imul eax, eax, 0x01000193
        inc si
        and si, 15
        jnz .next
        inc bx
.next:
        dec ecx
        jnz .byte
        ret

; Sends the fields of the table one after the other.
report:
        mov si, title
        call send_text
.field:
        cs lodsw                ; AL = bytes of the field, AH = where it is
        test al, al
        jz .end
        movzx di, ah
        movzx cx, al
        call send_text
        add di, was
        add di, cx
.byte:
        dec di                  ; the highest first
        mov al, [di]
        call send_hex
        loop .byte
        jmp .field
.end:
        mov si, new_line
        ; on to send_text

; Sends the text at CS:SI. SI = what follows it.
send_text:
        cs lodsb
        test al, al
        jz .end
        call send
        jmp send_text
.end:
        ret

send_hex:
        push ax
        shr al, 4
        call .digit
        pop ax
        and al, 15
.digit:
        cmp al, 10
        jb .decimal
        add al, "A" - "0" - 10
.decimal:
        add al, "0"
        ; on to send

send:
        push dx
        push ax
        mov dx, PORT + 5
.wait:
        in al, dx
        test al, 0x20           ; room for another byte
        jz .wait
        pop ax
        mov dx, PORT
        out dx, al
        pop dx
        ret

; Bytes of a field, where it is among the variables, its name.
%macro field 3
        db %1, was.%2 - was, %3, 0
%endmacro

title:
        db 13, 10, "PROBE", 0
        field 2, cs, " cs="
        field 2, ip, " ip="
        field 2, ss, " ss="
        field 2, sp, " sp="
        field 2, ds, " ds="
        field 2, es, " es="
        field 2, fs, " fs="
        field 2, gs, " gs="
        field 1, dl, " dl="
        field 2, flags, " flags="
        field 1, a20, " a20="
        field 1, mode, " mode="
        field 4, hidden, " hidden="
        field 1, drive, " drive="
        field 1, record, " record="
        field 4, fnv, " fnv="
        db 0, 0
new_line:
        db 13, 10, 0

; Where the master boot record was; the file itself must stay as it is, because of the sum.
        absolute 0x0600
was:
.cs:            resw 1
.ip:            resw 1
.ss:            resw 1
.sp:            resw 1
.ds:            resw 1
.es:            resw 1
.fs:            resw 1
.gs:            resw 1
.flags:         resw 1
.hidden:        resd 1
.fnv:           resd 1
.dl:            resb 1
.a20:           resb 1
.mode:          resb 1
.drive:         resb 1
.record:        resb 1
