; File records, the attributes in them, and lists of attributes that take more than one record.
; Part of ../ntfs.asm.

; Reads base record EAX to BASE:0, where ES then points, and the file's attribute list if it has one.
; DX = the sequence number that the record should have, 0 if it doesn't matter.
open_file:
        mov [file_number], eax
        mov bx, BASE
        mov es, bx
        call read_record
        test dx, dx
        jz .current
        cmp dx, [es:0x10]
        jne damaged
.current:
        mov eax, [es:0x20]              ; an extension names its base
        or eax, [es:0x24]
        jnz damaged

        mov dword [list_bytes], 0
        mov byte [by_instance], 0
        mov eax, A_LIST
        mov dl, UNNAMED
        call find_attribute
        jc .end
        mov bp, file
        call clear_stream
        call keep_piece
        mov eax, [size]
        cmp dword [size+4], 0
        jne damaged
        cmp eax, LIST_MAX
        ja damaged
        test eax, eax
        jz damaged
        mov [list_bytes], eax
        push es
        mov ecx, eax
        cmp byte [resident], 0
        je .clusters
        mov si, [value_offset]
        mov bx, BOOTMGR
        mov es, bx
        push ds
        mov bx, BASE
        mov ds, bx
        xor di, di
        rep movsb
        pop ds
        jmp .read
.clusters:
        mov bx, BOOTMGR
        mov es, bx
        add ecx, 511
        shr ecx, 9
        xor eax, eax
        call read_stream
.read:
        pop es
.end:
        ret

; Reads record EAX to ES:0. Keeps all registers but EAX, EBX, ECX.
read_record:
        push bp
        push dx
        mov cl, [record_shift]
        mov ebx, eax
        shl eax, cl
        push eax
        shr eax, cl
        cmp eax, ebx
        pop eax
        jne damaged
        mov ecx, [record_sectors]
        mov bp, mft
        call read_stream
        cmp dword [es:0], "FILE"
        jne damaged
        mov cx, [record_sectors]
        call restore
        test byte [es:0x16], 1          ; in use
        jz damaged
        pop dx
        pop bp
        ret

; Puts back what the update sequence protects in the CX sectors at ES:0: the last word of each sector
; is the number of the last write, and the true words are in an array at [4], behind that number.
restore:
        pusha
        mov si, [es:4]
        mov dx, [es:6]
        dec dx
        cmp dx, cx
        jne damaged
        test si, 1
        jnz damaged
        cmp si, 510
        jae damaged
        add dx, dx
        add dx, si
        cmp dx, 510 - 2                 ; array and number end before the first such word
        ja damaged
        mov bx, [es:si]
        mov di, 510
.sector:
        inc si
        inc si
        cmp [es:di], bx
        jne damaged                     ; a write that was cut short
        mov ax, [es:si]
        mov [es:di], ax
        add di, 512
        loop .sector
        popa
        ret

; Finds an attribute in the record at ES:0 and checks its shape. EAX = type, DL = name; [instance] its
; number in the record if [by_instance] is set. SI = its offset, or CF = 1.
;
; Attribute: +0 type, +4 length, +8 non-resident, +9 units and +A offset of the name, +C flags, +E
; number; resident: +10 length and +14 offset of the value; non-resident: +10 first cluster within the
; stream, +20 offset of the runs, +30 size, +38 initialized size.
find_attribute:
        movzx esi, word [es:0x14]
.next:
        mov ecx, [record_bytes]
        sub ecx, esi
        jb damaged
        cmp ecx, 8
        jb damaged
        cmp dword [es:si], -1
        je .none
        mov ebx, [es:si+4]
        cmp ebx, 0x18
        jb damaged
        test bl, 7
        jnz damaged
        cmp ebx, ecx
        ja damaged
        cmp eax, [es:si]
        jne .other
        cmp byte [by_instance], 0
        je .name
        mov cx, [instance]
        cmp cx, [es:si+0x0E]
        jne .other
.name:
        mov cl, [es:si+9]
        cmp dl, UNNAMED
        jne .named
        test cl, cl
        jnz .other
        jmp .found
.named:
        cmp cl, 4
        jne .other
        movzx edi, word [es:si+0x0A]
        lea ecx, [edi+8]
        cmp ecx, ebx
        ja damaged
        add di, si
        cmp dword [es:di], I30_LOW
        jne .other
        cmp dword [es:di+4], I30_HIGH
        jne .other
.found:
        cmp byte [es:si+8], 0
        jne .clusters
        movzx ecx, word [es:si+0x14]
        sub ebx, ecx
        jb damaged
        cmp [es:si+0x10], ebx
        ja damaged
        clc
        ret
.clusters:
        cmp ebx, 0x40
        jb damaged
        cmp bx, [es:si+0x20]
        jb damaged
        clc
        ret
.other:
        add si, bx
        jmp .next
.none:
        stc
        ret

; The units of "$I30".
I30_LOW         equ "$" | "I" << 16
I30_HIGH        equ "3" | "0" << 16

; Gathers all pieces of an attribute of the open file: EAX = type, DL = name, BP = stream for its
; clusters. CF = 1 if the file has none.
gather:
        call clear_stream
        mov [type], eax
        mov [named], dl
        mov byte [pieces], 0
        cmp dword [list_bytes], 0
        jne .list
        mov bx, BASE
        mov es, bx
        mov byte [by_instance], 0
        call find_attribute
        jc .end
        call keep_piece
        clc
.end:
        ret

; Attribute list entry: +0 type, +4 length, +6 units and +7 offset of the name, +8 first cluster, +10
; record and sequence number, +18 number in the record. They are sorted, pieces of one attribute by
; their clusters. The list may be longer than a segment, so each entry has its own.
.list:
        mov dword [list_at], 0
.entry:
        mov edi, [list_at]
        mov ecx, [list_bytes]
        sub ecx, edi
        jz .enough
        cmp ecx, 0x1A
        jb damaged
        mov eax, edi
        shr eax, 4
        add ax, BOOTMGR
        mov gs, ax
        and di, 15
        movzx ebx, word [gs:di+4]
        cmp bx, 0x1A
        jb damaged
        cmp ebx, ecx
        ja damaged
        add [list_at], ebx
        mov eax, [gs:di]
        cmp eax, [type]
        jne .entry
        cmp byte [named], UNNAMED
        jne .named
        cmp byte [gs:di+6], 0
        jne .entry
        jmp .mine
.named:
        cmp byte [gs:di+6], 4
        jne .entry
        movzx si, byte [gs:di+7]
        lea cx, [si+8]
        cmp cx, bx
        ja damaged
        add si, di
        cmp dword [gs:si], I30_LOW
        jne .entry
        cmp dword [gs:si+4], I30_HIGH
        jne .entry
.mine:
        cmp word [gs:di+0x14], 0
        jne damaged
        mov ax, [gs:di+0x18]
        mov [instance], ax
        mov byte [by_instance], 1
        mov dx, [gs:di+0x16]
        mov eax, [gs:di+0x10]
        mov bx, BASE
        mov es, bx
        cmp eax, [file_number]
        je .record
        mov bx, EXTENSION
        mov es, bx
        call read_record
        cmp dx, [es:0x10]
        jne damaged
        mov eax, [es:0x20]
        cmp eax, [file_number]
        jne damaged
.record:
        mov eax, [type]
        mov dl, [named]
        call find_attribute
        jc damaged
        call keep_piece
        mov byte [pieces], 1
        jmp .entry
.enough:
        cmp byte [pieces], 1            ; CF = 1 if it is zero
        ret

; Keeps what there is to know of the attribute at ES:SI: where its value is, or its size and clusters.
; BP = stream.
keep_piece:
        cmp byte [es:si+8], 0
        jne .clusters
        mov ax, [es:si+0x0C]
        mov [flags], ax
        mov byte [resident], 1
        mov [value_segment], es
        mov ax, [es:si+0x14]
        add ax, si
        mov [value_offset], ax
        mov eax, [es:si+0x10]
        mov [size], eax
        mov dword [size+4], 0
        ret
.clusters:
        mov byte [resident], 0
        mov eax, [es:si+0x10]
        or eax, [es:si+0x14]
        jnz .known                      ; only the first piece has true sizes
        mov ax, [es:si+0x0C]
        mov [flags], ax
        mov eax, [es:si+0x30]
        mov [size], eax
        mov eax, [es:si+0x34]
        mov [size+4], eax
        mov eax, [es:si+0x38]
        mov [initialized], eax
        mov eax, [es:si+0x3C]
        mov [initialized+4], eax
.known:
        cmp dword [type], A_DATA
        jne add_runs
        test word [flags], 0x80FF       ; compressed or sparse: has holes, and will be refused
        jz add_runs
        ret
