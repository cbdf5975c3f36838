import { applyDensity, applyMode, Density, Mode } from "@cloudscape-design/global-styles";
import { useEffect, useState } from "react";

/** A taste and nothing secret, so it may outlive the tab. */
const STORED_AS = "vigie.dark";

const asksForDark = matchMedia("(prefers-color-scheme: dark)");

/** Dark or light: the system's choice until the user makes one. */
export function useDarkMode(): [boolean, () => void] {
  const [chosen, setChosen] = useState(() => localStorage.getItem(STORED_AS));
  const [system, setSystem] = useState(asksForDark.matches);
  const dark = chosen === null ? system : chosen === "true";
  useEffect(() => {
    const changed = () => setSystem(asksForDark.matches);
    asksForDark.addEventListener("change", changed);
    return () => asksForDark.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    applyMode(dark ? Mode.Dark : Mode.Light);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    applyDensity(Density.Comfortable);
  }, [dark]);
  const toggle = () => {
    localStorage.setItem(STORED_AS, String(!dark));
    setChosen(String(!dark));
  };
  return [dark, toggle];
}
