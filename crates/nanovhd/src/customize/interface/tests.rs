use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Interface {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn told(text: &str) -> String {
    text.parse::<Interface>().map_or_else(|e| e.to_string(), |read| panic!("{text}: {read:?}"))
}

#[test]
fn cards_are_read_as_people_write_them() {
    let full = read(
        " Ethernet 2 , IPv4=10.0.0.5/24, gateway=10.0.0.1,dns=10.0.0.2,dns=fd00::2, ipv6=fd00::5/48,gateway=fe80::1 ",
    );
    let ipv4 = Ipv4Address { address: [10, 0, 0, 5].into(), prefix: 24, gateway: Some([10, 0, 0, 1].into()) };
    let ipv6 =
        Ipv6Address { address: "fd00::5".parse().unwrap(), prefix: 48, gateway: Some("fe80::1".parse().unwrap()) };
    let expected = Interface {
        name: "Ethernet 2".into(),
        ipv4: Some(ipv4),
        ipv4_dns: vec![[10, 0, 0, 2].into()],
        ipv6: Some(ipv6),
        ipv6_dns: vec!["fd00::2".parse().unwrap()],
    };
    assert_eq!(full, expected);
    assert_eq!(read("12,ipv4=10.0.0.5,mask=255.255.254.0").ipv4.unwrap().prefix, 23);
    assert_eq!(read("a,mask=255.255.255.255,ipv4=10.0.0.5").ipv4.unwrap().prefix, 32);
    assert_eq!(read("a,ipv6=fd00::5").ipv6.unwrap().prefix, 64, "as netsh has it");
    assert_eq!(read("a=b,dns=127.0.0.1").name, "a=b");
    assert_eq!(read("Сеть,dns=::1").name, "Сеть");
    let table = [("ipv4", "10.0.0.5/31"), ("gateway", "10.0.0.4")];
    assert_eq!(Interface::from_settings("a", table).unwrap(), read("a,ipv4=10.0.0.5/31,gateway=10.0.0.4"));
}

#[test]
fn what_was_found_and_expected_is_told() {
    for (text, parts) in [
        ("", &["starts with its name"][..]),
        (",ipv4=10.0.0.5/24", &["starts with its name"]),
        ("ipv4=10.0.0.5/24", &["starts with its name"]),
        ("a", &["nothing to set"]),
        ("a,", &["nothing to set"]),
        ("a,10.0.0.5/24", &["\"10.0.0.5/24\" is no setting", "ipv4, mask, ipv6, gateway, dns"]),
        ("a,ipv4=10.0.0.5/24,", &["\"\" is no setting"]),
        ("a,ip=10.0.0.5/24", &["no setting \"ip\"", "ipv4"]),
        ("a,ipv4=10.0.0.5", &["10.0.0.5/24", "mask"]),
        ("a,ipv4=10.0.0/24", &["\"10.0.0/24\" is no IPv4 address", "such as 10.0.0.5/24"]),
        ("a,ipv4=10.0.0.256/24", &["is no IPv4"]),
        ("a,ipv4=010.0.0.5/24", &["is no IPv4"]),
        ("a,ipv4=10.0.0.5/33", &["is no IPv4"]),
        ("a,ipv4=10.0.0.5/0", &["is no IPv4"]),
        ("a,ipv4=10.0.0.5/+8", &["is no IPv4"]),
        ("a,ipv4=fd00::5/64", &["is no IPv4"]),
        ("a,ipv6=10.0.0.5/24", &["is no IPv6"]),
        ("a,ipv6=fe80::1%12/64", &["is no IPv6"]),
        ("a,ipv6=fd00::5/129", &["is no IPv6"]),
        ("a,ipv4=10.0.0.5,mask=255.0.255.0", &["\"255.0.255.0\" is no mask", "255.255.255.0"]),
        ("a,ipv4=10.0.0.5,mask=0.0.0.0", &["is no mask"]),
        ("a,ipv4=10.0.0.5,mask=24", &["is no mask"]),
        ("a,ipv4=10.0.0.5/24,mask=255.255.255.0", &["the length of the prefix is given twice"]),
        ("a,ipv4=10.0.0.5/24,ipv4=10.0.0.6/24", &["ipv4 is given twice"]),
        ("a,ipv4=10.0.0.5/24,gateway=10.0.0.1,gateway=10.0.0.2", &["gateway is given twice"]),
        ("a,dns=10.0.0.2,dns=10.0.0.2", &["DNS server 10.0.0.2 is given twice"]),
        ("a,mask=255.255.255.0", &["a mask is given, but no IPv4 address"]),
        ("a,ipv6=fd00::5,gateway=10.0.0.1", &["a gateway is given, but no IPv4 address"]),
        ("a,ipv4=10.0.0.5/24,gateway=fe80::1", &["a gateway is given, but no IPv6 address"]),
        ("a,dns=dns.example", &["\"dns.example\" is no IP address of a DNS server"]),
        ("a\\b,dns=10.0.0.2", &["called \"a\\\\b\""]),
        ("a\u{1b},dns=10.0.0.2", &["control characters"]),
    ] {
        let told = told(text);
        assert!(parts.iter().all(|part| told.contains(part)), "{text}: {told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}

#[test]
fn addresses_that_no_host_has_are_refused() {
    for (text, reason) in [
        ("a,ipv4=0.1.2.3/24", "no host's"),
        ("a,ipv4=127.0.0.1/8", "loopback"),
        ("a,ipv4=224.0.0.5/24", "multicast"),
        ("a,ipv4=255.255.255.255/32", "broadcast"),
        ("a,ipv4=10.0.0.0/24", "the network itself"),
        ("a,ipv4=10.0.1.255/23", "broadcast address of its network"),
        ("a,ipv4=10.0.0.5/24,gateway=10.0.0.5", "own address"),
        ("a,ipv4=10.0.0.5/24,gateway=10.0.0.255", "broadcast"),
        ("a,ipv4=10.0.0.5/24,gateway=10.0.0.0", "the network itself"),
        ("a,ipv4=10.0.0.5/24,gateway=127.0.0.1", "loopback"),
        ("a,ipv6=::/64", "unspecified"),
        ("a,ipv6=::1/64", "loopback"),
        ("a,ipv6=ff02::1/64", "multicast"),
        ("a,ipv6=fd00::/64", "all routers"),
        ("a,ipv6=::ffff:10.0.0.5/96", "IPv4 address in IPv6 form"),
        ("a,ipv6=fd00::5/64,gateway=fd00::5", "own address"),
        ("a,dns=0.0.0.0", "no host's"),
        ("a,dns=ff02::fb", "multicast"),
    ] {
        let told = told(text);
        assert!(told.contains(reason) && told.contains("can't be"), "{text}: {told}");
    }
    for text in ["a,ipv4=10.0.0.0/31", "a,ipv4=10.0.0.255/32", "a,ipv6=fd00::/127", "a,ipv6=fd00::/128", "a,dns=::1"]
    {
        read(text);
    }
    let mut made = read("a,ipv4=10.0.0.5/24,ipv6=fd00::5/64");
    made.ipv4.as_mut().unwrap().prefix = 33;
    assert!(made.check().is_err(), "made without being read");
    made.ipv4 = None;
    made.ipv6.as_mut().unwrap().prefix = 0;
    assert!(made.check().is_err());
}

#[test]
fn cards_are_set_against_each_other() {
    let all = |texts: &[&str]| {
        let cards: Vec<Interface> = texts.iter().map(|text| read(text)).collect();
        check_all(&cards).map_err(|e| e.to_string())
    };
    assert_eq!(all(&["a,ipv4=10.0.0.5/24", "b,ipv4=10.0.0.6/24"]), Ok(vec![]));
    assert!(all(&["Ethernet,dns=10.0.0.2", "ETHERNET,dns=10.0.0.3"]).unwrap_err().contains("given twice"));
    let same = all(&["a,ipv4=10.0.0.5/24", "b,ipv4=10.0.0.5/16"]).unwrap_err();
    assert_eq!(same, "the interfaces a and b are both to have the address 10.0.0.5");
    assert!(all(&["a,ipv6=fd00::5", "b,ipv6=fd00::6", "c,ipv6=fd00:0::5"]).unwrap_err().contains("a and c"));
    let far = all(&["a,ipv4=10.0.0.5/24,gateway=10.0.1.1"]).unwrap();
    assert!(far[0].contains("10.0.1.1 is not in the network 10.0.0.0/24"), "{far:?}");
    assert!(all(&["a,ipv6=fd00::5/64,gateway=fd00:1::1"]).unwrap()[0].contains("fd00::/64"));
    assert_eq!(all(&["a,ipv6=fd00::5/64,gateway=fe80::1"]), Ok(vec![]));
    let two = all(&["a,ipv4=10.0.0.5/24,gateway=10.0.0.1", "b,ipv4=10.0.1.5/24,gateway=10.0.1.1"]).unwrap();
    assert!(two[0].starts_with("2 interfaces have an IPv4 gateway"), "{two:?}");
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(
        name in "[^\\\\/:*?\"<>|,=[:cntrl:]]{1,20}",
        ipv4 in any::<Option<([u8; 4], u8, Option<[u8; 4]>)>>(),
        ipv6 in any::<Option<([u8; 16], u8, Option<[u8; 16]>)>>(),
        dns in any::<(Vec<[u8; 4]>, Vec<[u8; 16]>)>(),
    ) {
        let name = name.trim().to_owned();
        let ipv4 = ipv4.map(|(address, prefix, gateway)| Ipv4Address {
            address: address.into(),
            prefix,
            gateway: gateway.map(Into::into),
        });
        let ipv6 = ipv6.map(|(address, prefix, gateway)| Ipv6Address {
            address: address.into(),
            prefix,
            gateway: gateway.map(Into::into),
        });
        let ipv4_dns = dns.0.into_iter().map(Into::into).collect();
        let ipv6_dns = dns.1.into_iter().map(Into::into).collect();
        let card = Interface { name, ipv4, ipv4_dns, ipv6, ipv6_dns };
        if card.check().is_ok() {
            prop_assert_eq!(card.to_string().parse::<Interface>(), Ok(card));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        let _ = text.parse::<Interface>();
        let _ = format!("a,{text}").parse::<Interface>();
    }

    /// Whatever the mask, only one of ones and then zeros is taken.
    #[test]
    fn masks_are_prefixes(bits in any::<u32>()) {
        let mask = Ipv4Addr::from(bits);
        let read = format!("a,ipv4=10.0.0.5,mask={mask}").parse::<Interface>();
        let contiguous = bits.count_ones() == bits.leading_ones() && bits != 0;
        let usual = matches!(read, Err(InterfaceError::Value { .. }));
        prop_assert_eq!(!usual, contiguous);
    }
}
