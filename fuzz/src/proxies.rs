//! Proxy settings: any text is read, the exclusion of everything always holds, and no credential is shown.

use std::collections::HashMap;

use copilot_net::{
    client::proxies::{choose, without_credentials},
    fuzzing::read_proxy,
};

const NAMES: [&str; 9] = [
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "npm_config_https_proxy",
    "npm_config_proxy",
    "npm_config_no_proxy",
    "no_proxy",
    "NO_PROXY",
];

/// Stands for a password, and in no case for what a setting has by itself.
const SECRET: &str = "qXzJ0w9";

/// The first line is a URL, each other one a variable: its name's number, and its value.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let url = lines.next().unwrap_or_default();
    let mut environ: HashMap<String, String> = HashMap::new();
    for line in lines {
        let mut characters = line.chars();
        let number = characters.next().and_then(|digit| digit.to_digit(10)).unwrap_or_default();
        let name = NAMES.get(number as usize).unwrap_or(&"all_proxy");
        environ.insert((*name).to_owned(), characters.as_str().to_owned());
    }
    for text in std::iter::once(url).chain(environ.values().map(String::as_str)) {
        shown(text);
    }
    let chosen = choose(url, &environ);
    if let Some(proxy) = &chosen {
        assert!(proxy.contains("://"), "{proxy:?}");
        let set = |value: &String| !value.is_empty() && proxy.ends_with(&**value);
        assert!(environ.iter().any(|(name, value)| !name.to_lowercase().ends_with("no_proxy") && set(value)));
        let _ = without_credentials(proxy);
        let _ = read_proxy(proxy);
    }
    let mut everything = environ.clone();
    everything.insert("npm_config_no_proxy".to_owned(), " * ".to_owned());
    assert_eq!(choose(url, &everything), None);
    environ.retain(|name, _| name.to_lowercase().ends_with("no_proxy"));
    assert_eq!(choose(url, &environ), None);
}

/// Puts a password into what may be a setting, at each place where one can be.
fn shown(text: &str) {
    let _ = (without_credentials(text), read_proxy(text));
    let Some((scheme, rest)) = text.split_once("://") else { return };
    if text.to_lowercase().contains(&SECRET.to_lowercase()) {
        return;
    }
    for user in ["user:", "", ":", "us%3Aer:a", "user:12/", "user:12?", "u#", "user:12://"] {
        for more in ["", "@", ":1", "%40", "/", "?", "://"] {
            let setting = format!("{scheme}://{user}{SECRET}{more}@{rest}");
            let said = [without_credentials(&setting), read_proxy(&setting).err().unwrap_or_default()];
            for said in said {
                assert!(!said.to_lowercase().contains(&SECRET.to_lowercase()), "{setting:?} shows {said:?}");
            }
        }
    }
    let bare = format!("user:{SECRET}@{rest}");
    assert!(!without_credentials(&bare).to_lowercase().contains(&SECRET.to_lowercase()), "{bare:?}");
}
