; The file itself: what it must be, and how it comes into memory. Part of ../ntfs.asm.

; Refuses what is no plain file, and keeps the places of its data.
check_bootmgr:
        mov si, is_directory
        test byte [es:0x16], 2
        jnz fail
        mov eax, A_REPARSE
        mov dl, UNNAMED
        mov bp, file
        call gather
        mov si, is_reparse
        jnc fail
        mov eax, A_DATA
        mov dl, UNNAMED
        call gather
        jc damaged
        mov ax, [flags]
        mov si, is_encrypted
        test ah, 0x40
        jnz fail
        mov si, is_compressed
        test al, al
        jnz fail
        mov si, is_sparse
        test ah, 0x80
        jnz fail
        mov si, is_too_big
        cmp dword [size+4], 0
        jne fail
        mov eax, [size]
        cmp eax, [room]                 ; whole KiB, so the last sector fits as well
        ja fail
        mov si, is_empty
        test eax, eax
        jz fail
        ret

; Loads its data to BOOTMGR:0, zeros behind them up to the end of the last sector.
load_bootmgr:
        mov ax, BOOTMGR
        mov es, ax
        mov ecx, [size]
        cmp byte [resident], 0
        je .clusters
        mov si, [value_offset]
        mov ds, [value_segment]
        xor di, di
        rep movsb
        push cs
        pop ds
        mov ecx, [size]
        jmp .zero                       ; all of it is initialized
.clusters:
        add ecx, 511
        shr ecx, 9
        xor eax, eax
        mov bp, file
        call read_stream
        mov ecx, [size]
        cmp dword [initialized+4], 0
        jne .zero
        cmp ecx, [initialized]
        jbe .zero
        mov ecx, [initialized]
.zero:                                  ; ECX = how many bytes are true
        mov edx, [size]
        add edx, 511
        and edx, ~511
.byte:
        cmp ecx, edx
        jae .end
        mov eax, ecx
        shr eax, 4
        add ax, BOOTMGR
        mov es, ax
        mov di, cx
        and di, 15
        mov byte [es:di], 0
        inc ecx
        jmp .byte
.end:
        ret
